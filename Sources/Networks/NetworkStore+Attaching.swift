package import Steps
internal import Kernel

extension NetworkStore {
  /// Free addresses for the container, and its place on the network, which is made ready.
  ///
  /// - Parameters:
  ///   - container: its identifier.
  ///   - interface: which of the container's networks it is.
  ///   - isAlive: whether a container is there that may hold a lease; asked only when the addresses are taken.
  package func attach(
    _ container: String, to request: EndpointRequest, interface: Int = 0, isAlive: (String) -> Bool,
    observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> NetworkAttachment {
    for _ in 0..<8 {
      let network = try ready(request.network, observe: observe)
      try request.check(on: network)
      // Removed by another command between the look and the lease: then the look says so, or the default one is made again.
      guard let leased = try lease(on: network, for: container, request, interface, isAlive: isAlive) else { continue }
      return attachment(of: container, to: network, leased, request, interface)
    }
    throw NetworkError(
      .conflict, "network \(request.network) is removed again and again while a container wants to join it")
  }

  /// The same by the network's name alone.
  package func attach(
    _ container: String, to word: String, interface: Int = 0, isAlive: (String) -> Bool,
    observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> NetworkAttachment {
    try attach(
      container, to: EndpointRequest(network: word), interface: interface, isAlive: isAlive, observe: observe)
  }

  /// All of it without making anything: `observe` sees the steps that would make the networks ready and lead the ports.
  package func rehearse(
    _ container: String, on requests: [EndpointRequest], ports: [PortRequest] = [],
    name: (String) -> String? = { _ in nil },
    observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> (attachments: [NetworkAttachment], ports: [PublishedPort]) {
    var attachments: [NetworkAttachment] = []
    var networks: [Network] = []
    for (interface, request) in requests.enumerated() {
      let (attachment, network) = try rehearse(container, on: request, interface, observe: observe)
      attachments.append(attachment)
      networks.append(network)
    }
    NetworkAttachment.chooseDefaultRoutes(&attachments)
    guard !ports.isEmpty, let index = attachments.firstIndex(where: \.isOutlet) ?? attachments.indices.first else {
      return (attachments, [])
    }
    let published = try rehearsePublishing(
      ports, for: container, at: attachments[index], on: networks[index], name: name)
    for step in published.steps { observe(step) }
    return (attachments, published.ports)
  }

  private func rehearse(
    _ container: String, on request: EndpointRequest, _ interface: Int, observe: (Step) -> Void
  ) throws(NetworkError) -> (NetworkAttachment, Network) {
    let preparation = try prepare(request.network)
    for step in preparation.steps { observe(step) }
    let network = preparation.network
    try request.check(on: network)
    let taken = try takenAddresses(on: network)
    func choose(_ asked: IPAddress?, _ free: AnyIterator<IPAddress>) throws(NetworkError) -> IPAddress {
      if let asked {
        guard !taken.contains(asked) else { throw held(asked, on: network) }
        return asked
      }
      guard let address = free.next() else { throw full(network, taken.count) }
      return address
    }
    var leased = [try choose(request.address.map { .v4($0) }, freeAddresses(of: network, taken: taken))]
    if network.subnet6 != nil {
      leased.append(try choose(request.address6.map { .v6($0) }, freeAddresses6(of: network, taken: taken)))
    }
    return (attachment(of: container, to: network, leased, request, interface), network)
  }

  package func rehearse(
    _ container: String, on request: EndpointRequest, _ interface: Int, observe: (Step) -> Void
  ) throws(NetworkError) -> NetworkAttachment {
    let (attachment, _): (NetworkAttachment, Network) = try rehearse(
      container, on: request, interface, observe: observe)
    return attachment
  }

  package func rehearse(
    _ container: String, on word: String, observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> NetworkAttachment {
    try rehearse(container, on: EndpointRequest(network: word), 0, observe: observe).0
  }

  private func attachment(
    of container: String, to network: Network, _ leased: [IPAddress], _ request: EndpointRequest, _ interface: Int
  ) -> NetworkAttachment {
    let address = leased.lazy.compactMap(\.v4).first ?? network.subnet.first
    var attachment = NetworkAttachment(
      network: network.name, address: IPv4Prefix(address, length: network.subnet.length),
      gateway: network.isInternal ? nil : network.gateway, bridge: network.bridge,
      hostLink: hostLink(container: container, interface: interface),
      name: request.interfaceName ?? "\(network.interfacePrefix)\(interface)", mac: request.mac, interface: interface)
    attachment.mtu = network.mtu
    attachment.isIsolated = !network.allowsTraffic
    if network.driver == .macvlan {
      attachment.macvlan = MacvlanPlace(parent: network.parent, mode: network.macvlanMode)
    }
    if let subnet6 = network.subnet6, let address6 = leased.lazy.compactMap(\.v6).first {
      attachment.address6 = IPv6Prefix(address6, length: subnet6.length)
      attachment.gateway6 = network.isInternal ? nil : network.gateway6
    }
    attachment.gatewayPriority = request.gatewayPriority
    attachment.linkLocal = request.linkLocal
    attachment.aliases = request.aliases
    return attachment
  }
}
