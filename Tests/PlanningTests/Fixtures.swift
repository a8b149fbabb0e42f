import Cgroups
import Kernel
import Planning
import RuntimeSpec
import Steps

/// A configuration with nothing wrong in it, and all namespaces but that of users.
func goodSpec(_ change: (inout Spec) -> Void = { _ in }) -> Spec {
  var spec = Spec()
  var process = Spec.Process()
  process.args = ["true"]
  process.env = ["PATH=/bin"]
  spec.process = process
  spec.root = Spec.Root(path: "rootfs")
  var linux = Spec.Linux()
  linux.namespaces = [.mount, .pid, .network, .ipc, .uts, .cgroup].map { Spec.Namespace($0) }
  spec.linux = linux
  change(&spec)
  return spec
}

let noGroups = CgroupLayout(unified: nil, hierarchies: [], hasSwapLimit: false)

func launchRequest(_ spec: Spec) -> LaunchRequest {
  var request = LaunchRequest(spec: spec, root: .directory("/r"), rootfs: "/r", group: nil, layout: noGroups)
  request.limitsAreDefaults = false
  return request
}

func joinRequest(_ process: Spec.Process, in spec: Spec) -> JoinRequest {
  JoinRequest(process, in: spec, leader: 7, group: nil, layout: noGroups)
}

extension [Step] {
  var attributes: [ProcessAttribute] {
    compactMap { if case .process(.set(let attribute)) = $0 { attribute } else { nil } }
  }
}
