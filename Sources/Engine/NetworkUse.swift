package import Containers
internal import ImageSpec
internal import Kernel
internal import Launching
package import Networks
internal import Steps

/// What a container's network comes to.
struct NetworkUse: Sendable {
  /// As `inspect` shows it: `bridge`, `none`, `host`, `container:ID`, a name.
  var mode: String
  var record: NetworkRecord?
  var ports: [PublishedPort] = []
  /// `container:ID`: the namespace that is joined.
  var sharedNamespace: Path?
  /// The files in /etc of whom the network is shared with.
  var sharedFiles: ContainerFiles?
  var hostname: String
  /// What made the network ready, or in a rehearsal would make it; nothing, nearly always. It outlives the container.
  var steps: [Step] = []
  /// What a person should know of the host's firewall.
  var warning: String?
}

extension Engine {
  package var networks: NetworkStore { NetworkStore(root: state.networks, run: state.runningNetworks) }

  /// Decides on the network and, unless it is only a rehearsal, leases the address.
  func prepareNetwork(
    _ request: NetworkRequest, _ identifier: ContainerIdentifier, hostname: String, ports: [PortRequest] = [],
    rehearsal: Bool
  ) throws(Failure) -> NetworkUse {
    try refusePorts(ports, on: request)
    switch request {
    case .none: return NetworkUse(mode: "none", hostname: hostname)
    case .host: return NetworkUse(mode: "host", hostname: hostname)
    case .container(let word):
      let other = try find(word)
      let process = try runningProcess(of: other, named: word).identity.process
      return NetworkUse(
        mode: "container:\(other)", sharedNamespace: Path("/proc/\(process)/ns/net"),
        sharedFiles: store.files(of: other), hostname: hostname)
    case .bridge: return try attach(identifier, to: Network.defaultName, hostname, ports, rehearsal: rehearsal)
    case .named(let name): return try attach(identifier, to: name, hostname, ports, rehearsal: rehearsal)
    }
  }

  private func refusePorts(_ ports: [PortRequest], on request: NetworkRequest) throws(Failure) {
    guard !ports.isEmpty else { return }
    switch request {
    case .bridge, .named: return
    case .host:
      throw Failure(
        .usage, "with --network host every port of the container is the host's already", hint: "leave -p out")
    case .none:
      throw Failure(.usage, "with --network none nothing can be published", hint: "leave -p or --network none out")
    case .container(let word):
      throw Failure(
        .usage, "ports are published by the container whose network is used, \(word)", hint: "give -p to that one")
    }
  }

  private func attach(
    _ identifier: ContainerIdentifier, to network: String, _ hostname: String, _ ports: [PortRequest], rehearsal: Bool
  ) throws(Failure) -> NetworkUse {
    do throws(NetworkError) {
      var steps: [Step] = []
      let attachment =
        rehearsal
        ? try networks.rehearse(identifier.description, on: network) { steps.append($0) }
        : try networks.attach(identifier.description, to: network, isAlive: isAlive) { steps.append($0) }
      var use = NetworkUse(mode: attachment.network, hostname: hostname)
      use.record = NetworkRecord(attachment)
      if !rehearsal {
        do throws(NetworkError) {
          use.ports = try networks.publish(
            ports, for: identifier.description, at: attachment, isAlive: isAlive, name: name(of:)
          ) { steps.append($0) }
        } catch {
          try? networks.release(identifier.description, network: attachment.network)
          throw error
        }
      }
      use.steps = steps
      if !rehearsal { use.warning = networks.warning(for: attachment.network) }
      return use
    } catch { throw Failure(error) }
  }

  func ports(of request: RunRequest, _ config: ContainerDefaults) throws(Failure) -> [PortRequest] {
    do throws(OptionError) { return try request.publishing.requests(image: config.exposedPorts) } catch {
      throw Failure(.usage, "the image exposes what is no port: \(error.reason)", hint: error.suggestion)
    }
  }

  /// Of a container that runs: those of one that has ended are others' by now.
  package func publishedPorts(of word: String) throws(Failure) -> [PortRecord] {
    let identifier = try find(word)
    _ = try runningProcess(of: identifier, named: word)
    do throws(Fault) { return try store.record(of: identifier).ports } catch {
      throw Failure("cannot read the record of \(word)", error)
    }
  }

  private func name(of identifier: String) -> String? {
    ContainerIdentifier(identifier).flatMap { try? store.record(of: $0) }?.name
  }

  /// Whether a container of that identifier is there, or is just being made.
  func isAlive(_ identifier: String) -> Bool {
    guard let identifier = ContainerIdentifier(identifier) else { return false }
    let files = store.files(of: identifier)
    if exists(files.directory) { return (try? store.state(of: identifier))??.status != .exited }
    return ((try? ContainerLock.isHeld(files)) ?? true)
  }

  func releaseNetwork(of identifier: ContainerIdentifier, record: ContainerRecord?) {
    if let record, record.network == nil { return }
    try? networks.release(identifier.description, network: record?.network?.network)
  }

  /// The others on the network learn the container's names.
  func announce(_ record: ContainerRecord, _ hostname: String, _ files: ContainerFiles) {
    guard let network = record.network, let address = IPv4Address(network.address) else { return }
    let member = NetworkMember(
      container: record.identifier, address: address, names: [record.name, files.identifier.short, hostname],
      hosts: files.hosts)
    try? networks.announce(member, on: network.network)
  }

  func networkSteps(of record: ContainerRecord) throws(Failure) -> (wiring: [NetworkStep], inside: [NetworkStep]) {
    if let network = record.network {
      guard var attachment = network.attachment else {
        throw Failure(.host, "the record of \(record.name) has a network that makes no sense")
      }
      attachment.publishes = !record.ports.isEmpty
      return (attachment.wiring, attachment.inside)
    }
    // With none there is loopback still; a shared namespace is somebody else's to set up.
    return ([], record.networkMode == "none" ? [.setUp(.loopback)] : [])
  }
}

extension PortRecord {
  init(_ port: PublishedPort) {
    self.init(
      transport: port.transport.rawValue, address: port.address?.description ?? "0.0.0.0", hostPort: port.hostPort,
      containerPort: port.containerPort)
  }
}

extension NetworkRecord {
  init(_ attachment: NetworkAttachment) {
    self.init(
      network: attachment.network, address: attachment.address.address.description,
      prefixLength: Int(attachment.address.length), gateway: attachment.gateway?.description ?? "",
      hardwareAddress: attachment.mac.description, hostLink: attachment.hostLink, bridge: attachment.bridge)
  }

  var attachment: NetworkAttachment? {
    guard let address = IPv4Address(address), let length = UInt8(exactly: prefixLength) else { return nil }
    return NetworkAttachment(
      network: network, address: IPv4Prefix(address, length: length), gateway: IPv4Address(gateway), bridge: bridge,
      hostLink: hostLink, name: "eth0")
  }
}

extension Failure {
  package init(_ error: NetworkError) {
    switch error.kind {
    case .notFound: self.init(.notFound, error.message, hint: error.hint)
    case .conflict: self.init(.conflict, error.message, hint: error.hint)
    default: self.init(.host, error.message, hint: error.hint ?? error.fault.flatMap { Failure.hint(for: $0) })
    }
  }
}

extension NetworkUse {
  /// - Parameter name: the container's, by which it finds itself as the others find it.
  func hosts(_ extra: [Label], name: String) -> [UInt8] {
    if mode == "host" { return (try? readFile("/etc/hosts", limit: 1 << 20)) ?? [] }
    if let sharedFiles { return (try? readFile(sharedFiles.hosts, limit: 1 << 20)) ?? [] }
    let own = record.map { HostsEntry(address: $0.address, names: hostname == name ? [name] : [hostname, name]) }
    let others = extra.map { HostsEntry(address: $0.value, names: [$0.name]) }
    return Array(HostsFile.base(own: own, extra: others).utf8)
  }

  func resolvConf(_ servers: [String]) -> [UInt8] {
    let text = (try? readText("/etc/resolv.conf")) ?? ""
    if mode == "host" && servers.isEmpty { return Array((text + "\n").utf8) }
    let actual = (try? readText(Path(resolvConfPath(host: text)))) ?? text
    return Array(containerResolvConf(host: actual, servers: servers).utf8)
  }
}
