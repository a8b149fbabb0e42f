internal import Arguments
internal import Cgroups
internal import Containers
internal import Engine
internal import JSON
internal import Kernel
internal import Layers

extension InfoCommand {
  static let perform: Perform = { arguments in
    let template = try arguments.string("format").map { try Template($0) }
    let info = try HostInfo(arguments)
    return try printing { out in
      if let template { return out.line(try template.text(info.document)) }
      info.print(into: &out)
    }
  }
}

/// What docker's `info` tells, as far as it means something without a daemon.
private struct HostInfo {
  private var counts: [String: Int] = [:]
  private var images = 0
  private let state: StateDirectories
  private let cgroups: CgroupLayout.Kind
  private let layout: CgroupLayout?
  private let memory: UInt64
  private let system: String
  private let name: String
  private var seccomp: Bool
  private let quotas: String
  private var warnings: [String] = []

  init(_ arguments: ParsedArguments) throws {
    let engine = try arguments.engine
    state = engine.state
    for row in try engine.summaries(includingEnded: true) {
      switch row.stateWord {
      case "running", "restarting": counts["running", default: 0] += 1
      case "paused": counts["paused", default: 0] += 1
      default: counts["stopped", default: 0] += 1
      }
    }
    images = exists(engine.state.images) ? (try? engine.images().summaries().count) ?? 0 : 0
    quotas = engine.layerQuotas.words
    layout = try? engine.cgroupLayout()
    cgroups = layout?.kind ?? .none
    memory = engine.hostMemory() ?? 0
    let release = ((try? readText("/etc/os-release")) ?? "").split(separator: "\n")
    let pretty = release.first { $0.hasPrefix("PRETTY_NAME=") }?.dropFirst(12) ?? "Linux"
    system = pretty.filter { $0 != "\"" }
    name = (try? readText("/proc/sys/kernel/hostname")) ?? ""
    seccomp = exists("/proc/sys/kernel/seccomp/actions_avail")
    if (try? readText("/proc/sys/net/ipv4/ip_forward")) == "0" { warnings.append("IPv4 forwarding is disabled") }
  }

  /// Skiff writes to the groups itself, and asks nobody who keeps them.
  private var cgroupDriver: String { cgroups == .none ? "none" : "cgroupfs" }
  private func limits(_ controller: String) -> JSONValue { .bool(layout?.has(controller) ?? false) }

  private var containers: Int { counts.values.reduce(0, +) }
  private func count(_ word: String) -> JSONValue { .number(.integer(Int64(counts[word] ?? 0))) }

  private var security: [String] {
    (seccomp ? ["name=seccomp,profile=builtin"] : [])
      + (exists("/sys/kernel/security/apparmor") ? ["name=apparmor"] : [])
      + (cgroups == .v2 ? ["name=cgroupns"] : [])
  }

  /// Docker's members.
  var document: JSONValue {
    [
      "ID": "", "Containers": .number(.integer(Int64(containers))), "ContainersRunning": count("running"),
      "ContainersPaused": count("paused"), "ContainersStopped": count("stopped"),
      "Images": .number(.integer(Int64(images))), "Driver": "overlay",
      "DriverStatus": [["Layer Quotas", .string(quotas)]],
      "Plugins": [
        "Volume": ["local"], "Network": ["bridge", "host", "macvlan", "null"], "Authorization": nil,
        "Log": .array(LogSettings.Driver.allCases.map { .string($0.rawValue) }),
      ],
      "MemoryLimit": limits("memory"), "SwapLimit": .bool(layout?.hasSwapLimit ?? false),
      "CpuCfsPeriod": limits("cpu"), "CpuCfsQuota": limits("cpu"), "CPUShares": limits("cpu"),
      "CPUSet": limits("cpuset"), "PidsLimit": limits("pids"),
      "IPv4Forwarding": .bool((try? readText("/proc/sys/net/ipv4/ip_forward")) == "1"),
      "Debug": false, "OomKillDisable": .bool(cgroups != .v2), "SystemTime": .string(now().rfc3339),
      "LoggingDriver": "json-file", "CgroupDriver": .string(cgroupDriver),
      "CgroupVersion": .string(cgroups == .none ? "" : cgroups == .v2 ? "2" : "1"),
      "KernelVersion": .string(Machine.kernelRelease), "OperatingSystem": .string(system), "OSType": "linux",
      "Architecture": .string(Machine.kernelName), "NCPU": .number(.integer(Int64(usableProcessorCount()))),
      "MemTotal": .number(.integer(Int64(clamping: memory))), "DockerRootDir": .string(state.root.string),
      "Name": .string(name), "Labels": [], "ServerVersion": .string(version),
      "Runtimes": ["skiff": ["path": "skiff-runtime"]], "DefaultRuntime": "skiff",
      "Swarm": ["NodeID": "", "LocalNodeState": "inactive"], "LiveRestoreEnabled": true, "InitBinary": "skiff",
      "SecurityOptions": .array(security.map(JSONValue.string)),
      "Warnings": warnings.isEmpty ? nil : .array(warnings.map(JSONValue.string)),
      "ClientInfo": [
        "Version": .string(version), "Os": "linux", "Arch": .string(Machine.goName), "Context": "default",
      ],
    ]
  }

  func print(into out: inout Output) {
    out.line("Containers: \(containers)")
    for word in ["Running", "Paused", "Stopped"] { out.line(" \(word): \(counts[word.lowercased()] ?? 0)") }
    out.line("Images: \(images)")
    out.line("Server Version: none (skiff \(version) needs no daemon)")
    out.line("Storage Driver: overlay")
    out.line(" Layer Quotas: \(quotas)")
    out.line("Logging Driver: json-file")
    out.line("Cgroup Driver: \(cgroupDriver)")
    out.line(
      "Cgroup Version: \(cgroups == .v2 ? "2" : cgroups == .hybrid ? "1 (hybrid)" : cgroups == .none ? "none" : "1")")
    out.line("Plugins:")
    out.line(" Volume: local")
    out.line(" Network: bridge host macvlan null")
    out.line(" Log: " + LogSettings.Driver.allCases.map(\.rawValue).joined(separator: " "))
    out.line("Runtimes: skiff")
    out.line("Default Runtime: skiff")
    out.line("Init Binary: skiff")
    out.line("Security Options:")
    for option in security { out.line(" " + option.replacingNames) }
    out.line("Kernel Version: \(Machine.kernelRelease)")
    out.line("Operating System: \(system)")
    out.line("OSType: linux")
    out.line("Architecture: \(Machine.kernelName)")
    out.line("CPUs: \(usableProcessorCount())")
    out.line("Total Memory: \(binarySize(Int64(clamping: memory)))")
    out.line("Name: \(name)")
    out.line("Skiff Root Dir: \(state.root)")
    out.line("Skiff State Dir: \(state.run)")
    for warning in warnings { out.line("WARNING: \(warning)") }
  }
}

extension String {
  /// `name=seccomp,profile=builtin` as docker's list shows it.
  fileprivate var replacingNames: String {
    split(separator: ",").map { $0.split(separator: "=").last.map(String.init) ?? "" }.joined(separator: ", profile: ")
  }
}
