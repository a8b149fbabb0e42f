package import Containers
package import JSON
internal import Kernel

// What `inspect` says of a container, in docker's words and shape.

extension Engine {
  package func inspection(of identifier: ContainerIdentifier) throws(Failure) -> JSONValue {
    let record = try record(of: identifier)
    let state = try containerState(of: identifier)
    let files = store.files(of: identifier)
    let configuration = try configuration(of: files)
    return [
      "Id": .string(identifier.description),
      "Created": .string(record.created.rfc3339),
      "Path": .string(record.command.first ?? ""),
      "Args": .array(record.command.dropFirst().map(JSONValue.string)),
      "State": description(
        of: state, isPaused: state.status == .running && isPaused(identifier),
        health: record.health == nil ? nil : health(of: identifier)),
      "RestartCount": .number(.integer(Int64(state.restartCount))),
      "Image": .string(record.imageIdentifier),
      "ResolvConfPath": .string(files.resolvConf.string),
      "HostnamePath": .string(files.hostname.string),
      "HostsPath": .string(files.hosts.string),
      "LogPath": .string(
        record.logging.driver.keepsFiles ? files.log(of: record.logging.driver).string : ""),
      "Name": .string("/" + record.name),
      "HostConfig": .object(asked(of: record, configuration, beside: hostConfiguration(of: record))),
      "GraphDriver": [
        "Name": record.lower.isEmpty ? "directory" : "overlay",
        "Data": [
          "LowerDir": .string(record.lower.joined(separator: ":")), "UpperDir": .string(files.upper.string),
          "WorkDir": .string(files.work.string), "Root": .string(record.rootDirectory),
        ],
      ],
      "Mounts": record.inspectedMounts,
      "Config": .object(
        attachment(
          of: record,
          beside: [
            "Hostname": configuration["hostname"] ?? "",
            "User": .string(user(in: configuration)),
            "Tty": .bool(record.hasTerminal), "OpenStdin": .bool(record.isInteractive),
            "Env": configuration["process"]?["env"] ?? [],
            "Cmd": .array(record.command.map(JSONValue.string)),
            "Image": .string(record.image),
            "WorkingDir": configuration["process"]?["cwd"] ?? "/",
            "Labels": .object(object(record.labels)),
            "StopSignal": .string("\(record.stopSignal)"), "StopTimeout": .number(.integer(Int64(record.stopTimeout))),
          ])),
      "NetworkSettings": networkSettings(of: record, state),
    ]
  }

  private func description(
    of state: ContainerState, isPaused: Bool, health: Health?
  ) -> JSONValue {
    let zero = "0001-01-01T00:00:00Z"
    // Docker's words: one that is to be started again runs.
    let word = isPaused ? "paused" : state.status == .starting ? "created" : state.status.rawValue
    let fields: [(String, JSONValue)] = [
      ("Status", .string(word)), ("Running", .bool(state.status.isLive)), ("Paused", .bool(isPaused)),
      ("Restarting", .bool(state.status == .restarting)), ("Dead", false),
      ("OOMKilled", .bool(state.wasKilledForMemory)),
      ("Pid", .number(.integer(Int64(state.process?.process ?? 0)))),
      ("ExitCode", .number(.integer(Int64(state.exitCode)))), ("Error", .string(state.message)),
      ("StartedAt", .string(state.started?.rfc3339 ?? zero)), ("FinishedAt", .string(state.finished?.rfc3339 ?? zero)),
    ]
    var object = JSONObject()
    for (name, value) in fields { object[name] = value }
    // Beside docker's.
    object["PeakMemory"] = .number(.integer(Int64(clamping: state.peakMemory)))
    object["Cause"] = .string(state.cause?.rawValue ?? "")
    if let health { object["Health"] = description(of: health) }
    return .object(object)
  }

  private func description(of health: Health) -> JSONValue {
    [
      "Status": .string(health.status.rawValue), "FailingStreak": .number(.integer(health.failingStreak)),
      "Log": .array(
        health.probes.map { probe in
          [
            "Start": .string(probe.start.rfc3339), "End": .string(probe.end.rfc3339),
            "ExitCode": .number(.integer(Int64(probe.exitCode))), "Output": .string(probe.output),
          ]
        }),
    ]
  }

  private func hostConfiguration(of record: ContainerRecord) -> JSONValue {
    func number(_ value: (some BinaryInteger)?) -> JSONValue { .number(.integer(Int64(clamping: value ?? 0))) }
    return [
      "RestartPolicy": [
        "Name": .string(record.restart.kind.rawValue),
        "MaximumRetryCount": .number(.integer(Int64(record.restart.maximumRetries))),
      ],
      "NetworkMode": .string(record.networkMode), "AutoRemove": .bool(record.removesItself),
      "Privileged": .bool(record.isPrivileged), "Init": .bool(record.hasInit),
      "Memory": number(record.memory), "MemorySwap": number(record.memorySwap), "CpuShares": number(record.cpuShares),
      "CpuQuota": number(record.cpuQuota), "CpuPeriod": number(record.cpuPeriod),
      "PidsLimit": record.processes.map { .number(.integer($0)) } ?? nil,
      "LogConfig": [
        "Type": .string(record.logging.driver.rawValue), "Config": .object(object(record.logging.options)),
      ],
    ]
  }

  private func networkSettings(of record: ContainerRecord, _ state: ContainerState) -> JSONValue {
    if state.status == .running, let settings = pluginSettings(of: record) { return settings }
    var endpoints = JSONObject()
    for network in record.networks where !network.isPending {
      endpoints[network.network] = endpoint(network, of: record, isThere: state.status == .running)
    }
    guard let first = record.networks.first(where: { !$0.isPending }), state.status == .running else {
      return ["IPAddress": "", "Gateway": "", "MacAddress": "", "Networks": .object(endpoints), "Ports": [:]]
    }
    return [
      "Bridge": .string(first.bridge), "IPAddress": .string(first.address),
      "IPPrefixLen": .number(.integer(Int64(first.prefixLength))), "Gateway": .string(first.gateway),
      "GlobalIPv6Address": .string(first.address6),
      "GlobalIPv6PrefixLen": .number(.integer(Int64(first.prefixLength6))), "IPv6Gateway": .string(first.gateway6),
      "MacAddress": .string(first.hardwareAddress), "Networks": .object(endpoints), "Ports": ports(of: record),
    ]
  }

  /// - Parameter isThere: the container runs; else its addresses are others' by now.
  private func endpoint(_ asked: NetworkRecord, of record: ContainerRecord, isThere: Bool) -> JSONValue {
    var network = asked
    if !isThere {
      (network.address, network.gateway, network.hardwareAddress) = ("", "", "")
      (network.address6, network.gateway6, network.prefixLength, network.prefixLength6) = ("", "", 0, 0)
    }
    var wishes = JSONObject()
    if !network.askedAddress.isEmpty { wishes["IPv4Address"] = .string(network.askedAddress) }
    if !network.askedAddress6.isEmpty { wishes["IPv6Address"] = .string(network.askedAddress6) }
    if !network.linkLocal.isEmpty { wishes["LinkLocalIPs"] = .array(network.linkLocal.map(JSONValue.string)) }
    let names = [record.name] + network.aliases + [String(record.identifier.prefix(12))]
    return [
      "IPAMConfig": wishes.count == 0 ? .null : .object(wishes),
      "Aliases": network.aliases.isEmpty ? .null : .array(network.aliases.map(JSONValue.string)),
      "DNSNames": network.network == "bridge" ? .null : .array(names.map(JSONValue.string)),
      "GwPriority": .number(.integer(Int64(network.gatewayPriority))),
      "IPAddress": .string(network.address), "IPPrefixLen": .number(.integer(Int64(network.prefixLength))),
      "Gateway": .string(network.gateway), "GlobalIPv6Address": .string(network.address6),
      "GlobalIPv6PrefixLen": .number(.integer(Int64(network.prefixLength6))), "IPv6Gateway": .string(network.gateway6),
      "MacAddress": .string(network.hardwareAddress),
    ]
  }

  /// By the container's ends, as docker has it.
  func ports(of record: ContainerRecord) -> JSONValue {
    let ends = Dictionary(grouping: record.ports, by: \.containerEnd).sorted { $0.key < $1.key }
    var object = JSONObject()
    for (end, ports) in ends {
      object[end] = .array(ports.map { ["HostIp": .string($0.address), "HostPort": .string("\($0.hostPort)")] })
    }
    return .object(object)
  }

  private func configuration(of files: ContainerFiles) throws(Failure) -> JSONValue {
    do {
      return try JSONValue(parsing: try readRegularFile(files.configuration))
    } catch {
      throw Failure(.host, "cannot read \(files.configuration): \(error)")
    }
  }

  private func user(in configuration: JSONValue) -> String {
    let user = configuration["process"]?["user"]
    return "\(user?["uid"]?.integer ?? 0):\(user?["gid"]?.integer ?? 0)"
  }

  private func object(_ labels: [String: String]) -> JSONObject {
    var object = JSONObject()
    for (name, value) in labels.sorted(by: { $0.key < $1.key }) { object[name] = .string(value) }
    return object
  }
}
