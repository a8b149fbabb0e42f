internal import Cgroups
internal import JSON
package import Kernel
package import RuntimeSpec

/// The configuration that `spec` writes for a person to edit: runc's, member for member, so that what is written about it
/// holds here too.
package func exampleSpec(isUnified: Bool) -> Spec {
  var spec = Spec()
  spec.ociVersion = Spec.version
  spec.root = Spec.Root(path: "rootfs", isReadOnly: true)
  spec.hostname = "runc"
  spec.process = exampleProcess
  spec.mounts = exampleMounts
  var linux = Spec.Linux()
  var resources = Spec.Resources()
  resources.devices = [Spec.DeviceRule(allow: false, access: "rwm")]
  linux.resources = resources
  linux.namespaces = [.pid, .network, .ipc, .uts, .mount].map { Spec.Namespace($0) }
  // A v1 group has no namespace worth having: its mounts show the host's paths.
  if isUnified { linux.namespaces.append(Spec.Namespace(.cgroup)) }
  linux.maskedPaths = [
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
  ]
  linux.readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
  spec.linux = linux
  return spec
}

private var exampleProcess: Spec.Process {
  var process = Spec.Process()
  process.terminal = true
  process.args = ["sh"]
  process.env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"]
  var sets = Spec.CapabilityLists()
  let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
  (sets.bounding, sets.effective, sets.permitted) = (capabilities, capabilities, capabilities)
  process.capabilities = sets
  process.rlimits = [Spec.ResourceLimit(type: "RLIMIT_NOFILE", soft: 1024, hard: 1024)]
  process.noNewPrivileges = true
  return process
}

private var exampleMounts: [Spec.Mount] {
  let guarded = ["nosuid", "noexec", "nodev"]
  return [
    Spec.Mount(destination: "/proc", type: "proc", source: "proc"),
    Spec.Mount(
      destination: "/dev", type: "tmpfs", source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    Spec.Mount(
      destination: "/dev/pts", type: "devpts", source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    Spec.Mount(
      destination: "/dev/shm", type: "tmpfs", source: "shm", options: guarded + ["mode=1777", "size=65536k"]),
    Spec.Mount(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: guarded),
    Spec.Mount(destination: "/sys", type: "sysfs", source: "sysfs", options: guarded + ["ro"]),
    Spec.Mount(
      destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: guarded + ["relatime", "ro"]),
  ]
}

extension Spec {
  /// The same for somebody without privileges, who is root of a user namespace with one id in it: a network of its own
  /// nobody could wire, a new sysfs the kernel refuses without one, other ids and limits there are none.
  package mutating func makeRootless(user: UInt32, group: UInt32) {
    var linux = self.linux ?? Spec.Linux()
    linux.namespaces.removeAll { $0.type == .network || $0.type == .user }
    linux.namespaces.append(Spec.Namespace(.user))
    linux.uidMappings = [Spec.IDMapping(containerID: 0, hostID: user, size: 1)]
    linux.gidMappings = [Spec.IDMapping(containerID: 0, hostID: group, size: 1)]
    linux.resources = nil
    self.linux = linux
    mounts = mounts.map { mount in
      if mount.destination == "/sys" {
        return Spec.Mount(
          destination: "/sys", type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"])
      }
      var mount = mount
      mount.options.removeAll { $0.hasPrefix("gid=") || $0.hasPrefix("uid=") }
      return mount
    }
  }
}

/// Writes `config.json` into a bundle: whole, or not at all, and never over one that is there.
package func writeExampleSpec(into bundle: Path, isRootless: Bool) throws(RuntimeFailure) {
  let layout = try told("cannot read the control groups") { () throws(Fault) in try CgroupLayout.detect() }
  var spec = exampleSpec(isUnified: layout.kind == .v2)
  if isRootless { spec.makeRootless(user: effectiveUser(), group: effectiveGroup()) }
  let bytes = spec.jsonBytes(.tabs)
  let file: Path = "config.json"
  do throws(Fault) {
    let directory = try open(bundle, [.readOnly, .directory])
    do throws(Fault) { try writeNew(file, bytes, at: directory.borrowed) } catch {
      if error.errno == .exists { throw error }
      // A file system without unnamed files (NFS): the name is taken first then.
      guard error.errno == .notSupported || error.errno == .invalid else { throw error }
      let named = try open(file, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o666, at: directory.borrowed)
      try named.borrowed.write(bytes)
    }
  } catch {
    if error.errno == .exists { throw RuntimeFailure("File config.json exists. Remove it first") }
    throw RuntimeFailure("cannot write config.json", error)
  }
}

private func writeNew(_ name: Path, _ bytes: [UInt8], at directory: BorrowedDescriptor) throws(Fault) {
  let unnamed = try open(".", [.writeOnly, .temporary], mode: 0o666, at: directory)
  try unnamed.borrowed.write(bytes)
  try nameFile(unnamed.borrowed, as: name, at: directory)
}
