internal import Containers
internal import JSON

// What `inspect` shows of the flags of `run`, under docker's names: from the record as it was asked, and from the
// configuration what it came to.

extension Engine {
  /// `HostConfig`: namespaces, security, devices and the limits that the record has no field for.
  func asked(of record: ContainerRecord, _ configuration: JSONValue, beside present: JSONValue) -> JSONObject {
    var object = JSONObject()
    if case .object(let members) = present { object = members }
    let options = record.options
    let (linux, process) = (configuration["linux"], configuration["process"])
    object["Annotations"] = configuration["annotations"] ?? .object(JSONObject())
    object["CapAdd"] = list(options.addedCapabilities)
    object["CapDrop"] = list(options.droppedCapabilities)
    object["CgroupnsMode"] = .string(options.cgroupNamespace.isEmpty ? "private" : options.cgroupNamespace)
    object["CgroupParent"] = .string(options.cgroupParent.map { "/" + $0 } ?? "")
    object["GroupAdd"] = list(options.addedGroups)
    object["IpcMode"] = .string(options.ipc.isEmpty ? "private" : options.ipc)
    object["PidMode"] = .string(options.pid)
    object["UTSMode"] = .string(options.uts)
    object["UsernsMode"] = .string(options.userNamespace)
    object["OomScoreAdj"] = process?["oomScoreAdj"] ?? 0
    object["PublishAllPorts"] = .bool(options.publishesAll)
    object["ReadonlyRootfs"] = configuration["root"]?["readonly"] ?? false
    object["SecurityOpt"] = options.security.isEmpty ? securityWords(of: record) : list(options.security)
    object["Sysctls"] = linux?["sysctl"] ?? .object(JSONObject())
    if !options.storageSize.isEmpty { object["StorageOpt"] = ["size": .string(options.storageSize)] }
    object["ShmSize"] = .number(.integer(sharedMemory(in: configuration)))
    object["Runtime"] = .string(options.runtime?.name ?? RuntimeChoice.own)
    object["Isolation"] = ""
    object["VolumeDriver"] = ""
    object["Links"] = .null
    describeLimits(linux?["resources"], process, &object)
    object["Devices"] = .array(options.devices.map(device))
    object["DeviceRequests"] = deviceRequests(options.namedDevices)
    object["DeviceCgroupRules"] = list(options.deviceRules)
    object["MaskedPaths"] = linux?["maskedPaths"] ?? []
    object["ReadonlyPaths"] = linux?["readonlyPaths"] ?? []
    return object
  }

  private func describeLimits(_ resources: JSONValue?, _ process: JSONValue?, _ object: inout JSONObject) {
    let (memory, cpu, block) = (resources?["memory"], resources?["cpu"], resources?["blockIO"])
    object["MemoryReservation"] = memory?["reservation"] ?? 0
    object["MemorySwappiness"] = memory?["swappiness"] ?? .null
    object["OomKillDisable"] = memory?["disableOOMKiller"] ?? false
    object["CpuRealtimePeriod"] = cpu?["realtimePeriod"] ?? 0
    object["CpuRealtimeRuntime"] = cpu?["realtimeRuntime"] ?? 0
    object["CpusetCpus"] = cpu?["cpus"] ?? ""
    object["CpusetMems"] = cpu?["mems"] ?? ""
    object["BlkioWeight"] = block?["weight"] ?? 0
    object["Ulimits"] = .array(
      (process?["rlimits"]?.array ?? []).map { limit in
        // RLIMIT_NOFILE → nofile
        let name = String((limit["type"]?.string ?? "").dropFirst(7)).lowercased()
        return ["Name": .string(name), "Hard": limit["hard"] ?? 0, "Soft": limit["soft"] ?? 0]
      })
  }

  /// `Config`: with the streams that `run` was connected to.
  func attachment(of record: ContainerRecord, beside present: JSONValue) -> JSONObject {
    var object = JSONObject()
    if case .object(let members) = present { object = members }
    let streams = record.options.attached
    object["AttachStdin"] = .bool(record.isInteractive && streams.map { $0.contains("stdin") } ?? true)
    object["AttachStdout"] = .bool(streams?.contains("stdout") ?? true)
    object["AttachStderr"] = .bool(streams?.contains("stderr") ?? true)
    // Podman's, under its names.
    if let umask = record.options.umask { object["Umask"] = .string("0" + String(umask, radix: 8)) }
    if !record.options.timezone.isEmpty { object["Timezone"] = .string(record.options.timezone) }
    if let timeout = record.options.timeout { object["Timeout"] = .number(.integer(Int64(timeout))) }
    if !record.options.secrets.isEmpty { object["Secrets"] = secrets(record.options.secrets) }
    return object
  }

  /// Of records that do not have the words.
  private func securityWords(of record: ContainerRecord) -> JSONValue {
    record.seccomp == "default" ? [] : [.string("seccomp=" + record.seccomp)]
  }

  private func secrets(_ words: [String]) -> JSONValue {
    .array(
      words.map { word in
        let name = word.prefix { $0 != "=" }
        return ["Name": .string(String(name)), "Target": .string(String(word.dropFirst(name.count + 1)))]
      })
  }

  private func deviceRequests(_ names: [String]) -> JSONValue {
    if names.isEmpty { return .null }
    return [["Driver": "cdi", "Count": 0, "DeviceIDs": list(names), "Capabilities": .null, "Options": [:]]]
  }

  private func list(_ words: [String]) -> JSONValue { .array(words.map(JSONValue.string)) }

  private func device(_ text: String) -> JSONValue {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    return [
      "PathOnHost": .string(parts[0]), "PathInContainer": .string(parts.count > 1 ? parts[1] : parts[0]),
      "CgroupPermissions": .string(parts.count > 2 ? parts[2] : "rwm"),
    ]
  }

  private func sharedMemory(in configuration: JSONValue) -> Int64 {
    let mount = configuration["mounts"]?.array?.first { $0["destination"]?.string == "/dev/shm" }
    let size = (mount?["options"]?.array ?? []).compactMap(\.string).first { $0.hasPrefix("size=") }
    return size.flatMap { Int64($0.dropFirst(5)) } ?? 0
  }
}
