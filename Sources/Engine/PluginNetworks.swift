internal import CNI
internal import Containers
internal import JSON
internal import Kernel
internal import Networks
internal import Steps

// `--network cni:NAME`: a container on a network that the host's CNI plugins make.

extension Engine {
  private static let prefix = "cni:"

  func pluginList(_ name: String) throws(Failure) -> PluginList {
    do throws(PluginError) { return try PluginList.find(name) } catch {
      throw Failure(.notFound, error.message, hint: error.hint)
    }
  }

  /// Plugins publish ports as they are told: nobody chooses free ones for them.
  func publishedPorts(_ requests: [PortRequest], by list: PluginList) throws(Failure) -> [PublishedPort] {
    guard !requests.isEmpty else { return [] }
    guard list.publishesPorts else {
      throw Failure(
        .usage, "network \(list.name) has no plugin that publishes ports: \(list.types.joined(separator: ", "))",
        hint: "portmap does, with \"capabilities\": {\"portMappings\": true}")
    }
    var ports: [PublishedPort] = []
    for request in requests {
      guard let host = request.hostPorts, host.count == 1 else {
        throw Failure(
          .usage, "port \(request.containerPort) needs one port of the host: plugins choose none",
          hint: "-p \(request.containerPort):\(request.containerPort)")
      }
      ports.append(
        PublishedPort(
          request.transport, address: request.address ?? .anyIPv4, hostPort: host.lowerBound,
          containerPort: request.containerPort))
    }
    return ports
  }

  /// The network of plugins that the container is to be on; nil for every other.
  func pluginNetwork(of record: ContainerRecord) throws(Failure) -> PluginNetwork? {
    guard record.networkMode.hasPrefix(Self.prefix) else { return nil }
    let list = try pluginList(String(record.networkMode.dropFirst(Self.prefix.utf8.count)))
    let ports = record.ports.map {
      PluginPort(
        hostAddress: $0.address, hostPort: $0.hostPort, containerPort: $0.containerPort, transport: $0.transport)
    }
    var network = PluginNetwork(
      name: list.name, container: record.identifier, plugins: list.plugins(publishing: ports),
      directories: PluginList.programs, record: pluginRecord(of: record.identifier),
      namespace: pluginNamespace(of: record.identifier))
    if let identifier = ContainerIdentifier(record.identifier) {
      let files = store.files(of: identifier)
      network.hosts = files.hosts
      network.names = [hostname(of: identifier), record.name]
      // What the person chose counts.
      if record.nameServers.isEmpty { network.resolvConf = files.resolvConf }
    }
    return network
  }

  /// Outlives a boot, for so do the leases of the plugins.
  private func pluginRecord(of identifier: String) -> Path { state.networks.appending(".cni/\(identifier)") }

  private func pluginNamespace(of identifier: String) -> Path {
    state.runningNetworks.appending(".cni/\(identifier)")
  }

  func leavePlugins(_ identifier: ContainerIdentifier) {
    let name = identifier.description
    try? leave(pluginRecord(of: name), namespace: pluginNamespace(of: name)) {
      (try? store.record(of: identifier)).flatMap { try? pluginNetwork(of: $0) }
    }
  }

  /// As `inspect` shows it while the container runs.
  func pluginSettings(of record: ContainerRecord) -> JSONValue? {
    guard record.networkMode.hasPrefix(Self.prefix),
      let (name, result) = result(of: pluginRecord(of: record.identifier))
    else { return nil }
    func split(_ address: String?) -> (String, Int64) {
      let parts = (address ?? "").split(separator: "/")
      return (parts.first.map(String.init) ?? "", parts.count > 1 ? Int64(parts[1]) ?? 0 : 0)
    }
    let four = split(result.addresses.first { !$0.contains(":") })
    let six = split(result.addresses.first { $0.contains(":") })
    let fields: [(String, JSONValue)] = [
      ("IPAddress", .string(four.0)), ("IPPrefixLen", .number(.integer(four.1))),
      ("Gateway", .string(result.gateways.first { !$0.contains(":") } ?? "")), ("GlobalIPv6Address", .string(six.0)),
      ("GlobalIPv6PrefixLen", .number(.integer(six.1))),
      ("IPv6Gateway", .string(result.gateways.first { $0.contains(":") } ?? "")),
      ("MacAddress", .string(result.hardwareAddress)),
    ]
    var settings = JSONObject()
    for (key, value) in fields { settings[key] = value }
    var endpoints = JSONObject()
    endpoints[Self.prefix + name] = .object(settings)
    settings["Networks"] = .object(endpoints)
    settings["Ports"] = ports(of: record)
    return .object(settings)
  }
}
