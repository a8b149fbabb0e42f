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
  var records: [NetworkRecord] = []
  var ports: [PublishedPort] = []
  /// The files in /etc of whom the network is shared with.
  var sharedFiles: ContainerFiles?
  var hostname: String
  /// What made the network ready, or in a rehearsal would make it; nothing, nearly always. It outlives the container.
  var steps: [Step] = []
  /// What the supervisor does before the container's own plan.
  var later: [Step] = []
  /// What a person should know of the host's firewall.
  var warnings: [String] = []
}

extension Engine {
  package var networks: NetworkStore { NetworkStore(root: state.networks, run: state.runningNetworks) }

  /// Decides on the network and, unless it is only a rehearsal, leases the address.
  func prepareNetwork(
    _ request: NetworkRequest, _ endpoints: [EndpointRequest], _ identifier: ContainerIdentifier, hostname: String,
    ports: [PortRequest] = [], rehearsal: Bool
  ) throws(Failure) -> NetworkUse {
    try refusePorts(ports, on: request)
    if isForwarded(request) { return try forwardedNetwork(request, hostname: hostname, ports: ports) }
    try refuseHostNetworks(request)
    switch request {
    case .none: return NetworkUse(mode: "none", hostname: hostname)
    case .host: return NetworkUse(mode: "host", hostname: hostname)
    case .container(let word):
      let other = try find(word)
      _ = try runningProcess(of: other, named: word)
      return NetworkUse(
        mode: "container:\(other)", sharedFiles: store.files(of: other), hostname: hostname)
    case .plugins(let name):
      let list = try pluginList(name)
      var use = NetworkUse(mode: "cni:\(name)", hostname: hostname)
      use.ports = try publishedPorts(ports, by: list)
      return use
    case .bridge, .named:
      let all = endpoints.isEmpty ? [EndpointRequest(network: request.networkName)] : endpoints
      let ports = try portsOnHost(ports)
      if rehearsal { try enterNetworks() } else { try openNetworks() }
      var use = try attach(identifier, to: all, hostname, ports, rehearsal: rehearsal)
      use.later = relayStep(identifier, use.ports).map { [.network($0)] } ?? []
      return use
    }
  }

  func refusePorts(_ ports: [PortRequest], on request: NetworkRequest) throws(Failure) {
    guard !ports.isEmpty else { return }
    switch request {
    case .bridge, .named, .plugins: return
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
    _ identifier: ContainerIdentifier, to requests: [EndpointRequest], _ hostname: String, _ ports: [PortRequest],
    rehearsal: Bool
  ) throws(Failure) -> NetworkUse {
    let container = identifier.description
    var use = NetworkUse(mode: "", hostname: hostname)
    do throws(NetworkError) {
      var attachments: [NetworkAttachment] = []
      if rehearsal {
        (attachments, use.ports) = try networks.rehearse(container, on: requests, ports: ports, name: name(of:)) {
          use.steps.append($0)
        }
      } else {
        do throws(NetworkError) {
          try attach(container, to: requests, ports, &attachments, &use)
        } catch {
          try? networks.release(container)
          throw error
        }
        // The first that has something to say has said it then: the others keep it for later.
        for attachment in attachments {
          guard let warning = networks.warning(for: attachment.network) else { continue }
          use.warnings.insert(warning, at: 0)
          break
        }
      }
      use.mode = attachments[0].network
      use.records = zip(attachments, requests).map { NetworkRecord($0, $1) }
      return use
    } catch { throw Failure(error) }
  }

  private func attach(
    _ container: String, to requests: [EndpointRequest], _ ports: [PortRequest],
    _ attachments: inout [NetworkAttachment], _ use: inout NetworkUse
  ) throws(NetworkError) {
    for (interface, request) in requests.enumerated() {
      let attachment = try networks.attach(
        container, to: request, interface: interface, isAlive: isAlive
      ) { use.steps.append($0) }
      // An identifier and a name may mean the same network.
      guard !attachments.contains(where: { $0.network == attachment.network }) else {
        throw NetworkError(
          .usage, "network \(attachment.network) is asked for twice", hint: "name each network once")
      }
      attachments.append(attachment)
      passKillSwitch("attaching", interface)
    }
    NetworkAttachment.chooseDefaultRoutes(&attachments)
    guard let outlet = attachments.first(where: \.isOutlet) ?? attachments.first else { return }
    let published = try networks.publish(ports, for: container, at: outlet, isAlive: isAlive, name: name(of:)) {
      use.steps.append($0)
    }
    use.ports = published.ports
    use.warnings = published.warnings
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
    if exists(files.directory) {
      switch (try? store.state(of: identifier))??.status {
      case .created, .exited: return false
      case .starting, .running, .restarting, nil: return true
      }
    }
    return ((try? ContainerLock.isHeld(files)) ?? true)
  }

  /// - Parameter record: nil where it is not known what the container had: then every network is looked at.
  func releaseNetwork(of identifier: ContainerIdentifier, record: ContainerRecord?) {
    leavePlugins(identifier)
    stopForwarder(of: identifier)
    if record?.networks.isEmpty == true { return }
    withNetworks { releaseLeases(of: identifier, record: record) }
  }

  private func releaseLeases(of identifier: ContainerIdentifier, record: ContainerRecord?) {
    guard let record else {
      try? networks.release(identifier.description)
      return
    }
    let attachments = record.networks.compactMap(\.attachment)
    if record.ports.isEmpty {
      try? networks.release(identifier.description, leases: attachments)
    } else {
      try? networks.release(
        identifier.description, attachments, ports: record.ports.compactMap(PublishedPort.init))
    }
  }

  /// The others on its networks learn the container's names.
  func announce(_ record: ContainerRecord, _ hostname: String, _ files: ContainerFiles) {
    for network in record.networks {
      guard let attachment = network.attachment else { continue }
      try? networks.announce(member(record, attachment, hostname, files), on: attachment.network)
    }
  }

  func member(
    _ record: ContainerRecord, _ attachment: NetworkAttachment, _ hostname: String, _ files: ContainerFiles
  ) -> NetworkMember {
    NetworkMember(
      container: record.identifier, address: attachment.address.address, address6: attachment.address6?.address,
      mac: attachment.mac, names: [record.name] + attachment.aliases + [files.identifier.short, hostname],
      hosts: record.learnsNames(on: attachment.network) ? files.hosts : "")
  }

  func networkSteps(of record: ContainerRecord) throws(Failure) -> (wiring: [NetworkStep], inside: [NetworkStep]) {
    if let network = try pluginNetwork(of: record) { return ([.joinPlugins(network)], [.setUp(.loopback)]) }
    if let forwarder = forwarderStep(of: record) { return ([forwarder], [.setUp(.loopback)]) }
    // With none there is loopback still; a shared namespace is somebody else's to set up.
    guard !record.networks.isEmpty else {
      let isShared = record.networkMode == "host" || record.networkMode.hasPrefix("container:")
      return ([], isShared ? [] : [.setUp(.loopback)])
    }
    var wiring: [NetworkStep] = []
    var inside: [NetworkStep] = [.setUp(.loopback)]
    for network in record.networks {
      guard var attachment = network.attachment else {
        throw Failure(.host, "the record of \(record.name) has a network that makes no sense")
      }
      attachment.publishes = !record.ports.isEmpty
      wiring += attachment.wiring
      inside += attachment.inside
    }
    if record.asksSupervisor { wiring.append(.openNameSockets(redirect: NameRedirect.change)) }
    return (wiring, inside)
  }
}

extension PortRecord {
  init(_ port: PublishedPort) {
    self.init(
      transport: port.transport.rawValue, address: port.address.description, hostPort: port.hostPort,
      containerPort: port.containerPort)
  }
}

extension Failure {
  package init(_ error: NetworkError) {
    switch error.kind {
    case .notFound: self.init(.notFound, error.message, hint: error.hint)
    case .conflict: self.init(.conflict, error.message, hint: error.hint)
    default: self.init(.host, error.message, hint: error.hint ?? error.fault?.usualHint)
    }
  }
}
