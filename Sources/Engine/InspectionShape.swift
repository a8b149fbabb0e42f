package import Containers
package import JSON
internal import Kernel

// Docker's shape of a container: each member that scripts may ask for is there, with what the container was made with, or
// with what docker says where nothing was asked for.

extension Engine {
  /// What `inspect` prints: `inspection` in docker's shape and order.
  package func fullInspection(of identifier: ContainerIdentifier) throws(Failure) -> JSONValue {
    let known = try inspection(of: identifier)
    let record = try record(of: identifier)
    let bytes = (try? readRegularFile(store.files(of: identifier).configuration)) ?? []
    let spec = (try? JSONValue(parsing: bytes)) ?? [:]
    return completed(Self.shape(of: record, spec), by: known)
  }

  /// The members of `shape` in their order with the values of `known`, then what only that has.
  private func completed(_ shape: JSONValue, by known: JSONValue) -> JSONValue {
    guard case .object(var whole) = shape, case .object(let mine) = known else { return known }
    for key in mine.keys {
      guard let value = mine[key] else { continue }
      // Maps of people's own names are taken as they are.
      whole[key] = whole[key].map { $0.object?.count ?? 0 > 0 ? completed($0, by: value) : value } ?? value
    }
    return .object(whole)
  }

  private static func shape(of record: ContainerRecord, _ spec: JSONValue) -> JSONValue {
    [
      "Id": "", "Created": "", "Path": "", "Args": [],
      "State": [
        "Status": "", "Running": false, "Paused": false, "Restarting": false, "OOMKilled": false, "Dead": false,
        "Pid": 0,
        "ExitCode": 0, "Error": "", "StartedAt": "", "FinishedAt": "", "PeakMemory": 0, "Cause": "",
      ],
      "Image": "", "ResolvConfPath": "", "HostnamePath": "", "HostsPath": "", "LogPath": "", "Name": "",
      "RestartCount": 0, "Driver": .string(record.lower.isEmpty ? "directory" : "overlay"), "Platform": "linux",
      "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": spec["process"]?["apparmorProfile"] ?? "",
      "ExecIDs": nil,
      "HostConfig": hostConfiguration(of: record, spec),
      "GraphDriver": ["Data": nil, "Name": ""],
      "Mounts": [],
      "Config": configuration(of: record, spec),
      "NetworkSettings": [
        "Bridge": "", "SandboxID": "", "SandboxKey": "", "Ports": [:], "HairpinMode": false,
        "LinkLocalIPv6Address": "", "LinkLocalIPv6PrefixLen": 0, "SecondaryIPAddresses": nil,
        "SecondaryIPv6Addresses": nil, "EndpointID": "", "Gateway": "", "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0, "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "", "MacAddress": "",
        "Networks": [:],
      ],
    ]
  }

  private static func configuration(of record: ContainerRecord, _ spec: JSONValue) -> JSONValue {
    var ports = JSONObject()
    for port in record.ports { ports[port.containerEnd] = [:] }
    return [
      "Hostname": "", "Domainname": spec["domainname"] ?? "", "User": "", "AttachStdin": .bool(record.isInteractive),
      "AttachStdout": true, "AttachStderr": true, "ExposedPorts": .object(ports), "Tty": false, "OpenStdin": false,
      "StdinOnce": .bool(record.isInteractive), "Env": [], "Cmd": nil, "Image": "", "Volumes": nil, "WorkingDir": "",
      "Entrypoint": nil, "OnBuild": nil, "Labels": [:], "StopSignal": "", "StopTimeout": 10,
    ]
  }

  private static func hostConfiguration(of record: ContainerRecord, _ spec: JSONValue) -> JSONValue {
    let linux = spec["linux"] ?? [:]
    let resources = linux["resources"] ?? [:]
    let mounts = spec["mounts"]?.array ?? []
    var bindings = JSONObject()
    for port in record.ports {
      let more: JSONValue = ["HostIp": .string(port.address), "HostPort": .string("\(port.hostPort)")]
      bindings[port.containerEnd] = .array((bindings[port.containerEnd]?.array ?? []) + [more])
    }
    let limits = (spec["process"]?["rlimits"]?.array ?? []).map { limit -> JSONValue in
      let name = limit["type"]?.string.map { $0.hasPrefix("RLIMIT_") ? String($0.dropFirst(7)).lowercased() : $0 } ?? ""
      return ["Name": .string(name), "Hard": limit["hard"] ?? 0, "Soft": limit["soft"] ?? 0]
    }
    var nanoseconds: Int64 = 0
    if let quota = record.cpuQuota, quota > 0 {
      let (product, isTooMuch) = quota.multipliedReportingOverflow(by: 1_000_000_000)
      if !isTooMuch { nanoseconds = product / Int64(clamping: max(1, record.cpuPeriod ?? 100_000)) }
    }
    let hidden = linux["maskedPaths"] ?? nil
    return [
      "Binds": nil, "ContainerIDFile": "", "LogConfig": ["Type": "json-file", "Config": [:]], "NetworkMode": "",
      "PortBindings": .object(bindings), "RestartPolicy": ["Name": "no", "MaximumRetryCount": 0], "AutoRemove": false,
      "VolumeDriver": "", "VolumesFrom": nil, "ConsoleSize": [0, 0], "CapAdd": nil, "CapDrop": nil,
      "CgroupnsMode": .string(has("cgroup", linux) ? "private" : "host"),
      "Dns": .array(record.nameServers.map(JSONValue.string)), "DnsOptions": [], "DnsSearch": [], "ExtraHosts": nil,
      "GroupAdd": nil, "IpcMode": .string(has("ipc", linux) ? "private" : "host"), "Cgroup": "", "Links": nil,
      "OomScoreAdj": spec["process"]?["oomScoreAdj"] ?? 0,
      "PidMode": .string(has("pid", linux) ? "" : "host"), "Privileged": false, "PublishAllPorts": false,
      "ReadonlyRootfs": spec["root"]?["readonly"] ?? false, "SecurityOpt": nil,
      "UTSMode": .string(has("uts", linux) ? "" : "host"), "UsernsMode": "",
      "ShmSize": .number(.integer(shared(mounts))),
      "Sysctls": linux["sysctl"] ?? [:], "Runtime": "skiff", "Isolation": "", "CpuShares": 0, "Memory": 0,
      "NanoCpus": .number(.integer(nanoseconds)), "CgroupParent": "",
      "BlkioWeight": resources["blockIO"]?["weight"] ?? 0, "BlkioWeightDevice": [], "BlkioDeviceReadBps": [],
      "BlkioDeviceWriteBps": [], "BlkioDeviceReadIOps": [], "BlkioDeviceWriteIOps": [], "CpuPeriod": 0, "CpuQuota": 0,
      "CpuRealtimePeriod": 0, "CpuRealtimeRuntime": 0, "CpusetCpus": resources["cpu"]?["cpus"] ?? "",
      "CpusetMems": resources["cpu"]?["mems"] ?? "", "Devices": [], "DeviceCgroupRules": nil, "DeviceRequests": nil,
      "MemoryReservation": resources["memory"]?["reservation"] ?? 0, "MemorySwap": 0,
      "MemorySwappiness": resources["memory"]?["swappiness"] ?? nil,
      "OomKillDisable": resources["memory"]?["disableOOMKiller"] ?? false, "PidsLimit": nil, "Ulimits": .array(limits),
      "CpuCount": 0, "CpuPercent": 0, "IOMaximumIOps": 0, "IOMaximumBandwidth": 0, "MaskedPaths": hidden,
      "ReadonlyPaths": linux["readonlyPaths"] ?? nil, "Init": false,
    ]
  }

  /// Whether the container has a namespace of its own of this kind.
  private static func has(_ kind: String, _ linux: JSONValue) -> Bool {
    (linux["namespaces"]?.array ?? []).contains { $0["type"]?.string == kind && $0["path"] == nil }
  }

  /// Bytes of /dev/shm.
  private static func shared(_ mounts: [JSONValue]) -> Int64 {
    let options = mounts.first { $0["destination"]?.string == "/dev/shm" }?["options"]?.array ?? []
    guard let text = options.compactMap(\.string).first(where: { $0.hasPrefix("size=") })?.dropFirst(5),
      let number = Int64(text.prefix { $0.isNumber })
    else { return 0 }
    let units: [Substring: Int64] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "": 1]
    let (product, isTooMuch) = number.multipliedReportingOverflow(by: units[text.drop { $0.isNumber }] ?? 1)
    return isTooMuch ? 0 : product
  }
}
