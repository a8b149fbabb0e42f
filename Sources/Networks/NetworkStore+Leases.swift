package import Kernel
internal import Launching
package import Steps

// A lease is a symbolic link `<run>/<network>/leases/<address>` that reads `<container>.<pid of the leaser>`: symlink(2)
// either makes the name with its contents or fails, so of a hundred commands one gets the address.

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

  /// Who holds which IPv4 address: each container on the network has one.
  package func leases(of network: Network) throws(NetworkError) -> [(address: IPv4Address, container: String)] {
    try describing("cannot read the leases of network \(network.name)") { () throws(Fault) in
      try readLeases(leases(network.name)).compactMap { lease in lease.address.v4.map { ($0, lease.container) } }
    }
  }

  /// Nil when the network is gone by now.
  private func lease(
    on network: Network, for container: String, _ request: EndpointRequest, _ interface: Int,
    isAlive: (String) -> Bool
  ) throws(NetworkError) -> [IPAddress]? {
    var attempt = 0
    while true {
      attempt += 1
      switch try tryLease(on: network, for: container, request, interface) {
      case .leased(let addresses): return addresses
      case .gone: return nil
      case .full where attempt == 1, .held where attempt == 1: _ = try heal(network.name, isAlive: isAlive)
      case .full: throw full(network, try takenAddresses(on: network).count)
      case .held(let address): throw held(address, on: network)
      }
    }
  }

  private func full(_ network: Network, _ count: Int) -> NetworkError {
    NetworkError(
      .conflict,
      "network \(network.name) has no free address: \(count) of \(network.range ?? network.subnet) are taken",
      hint: "stop a container on it, or make a network with a wider --subnet")
  }

  private func held(_ address: IPAddress, on network: Network) -> NetworkError {
    let target = (try? readSymbolicLink(leases(network.name).appending(address.description)).string) ?? ""
    let container = String(target.prefix { $0 != "." })
    let name = (try? readMembers(network.name))?.first { $0.container == container }?.names.first
    return NetworkError(
      .conflict,
      "the address \(address) on network \(network.name) is held by container "
        + (name ?? (container.isEmpty ? "another" : String(container.prefix(12)))),
      hint: "choose another, or leave the address out and a free one is found")
  }

  private enum LeaseAttempt { case leased([IPAddress]), held(IPAddress), full, gone }

  private func tryLease(
    on network: Network, for container: String, _ request: EndpointRequest, _ interface: Int
  ) throws(NetworkError) -> LeaseAttempt {
    try describing("cannot lease an address of network \(network.name)") { () throws(Fault) in
      // Shared among leasers; who takes away the leases of the dead, or the network, holds it alone.
      let lock = try locked(leaseLock(network.name), .shared)
      defer { hold(lock) }
      // Who removed the network held the lock that we waited for, and the record went before the lock's file did.
      guard let current = try? read(network.name), current.identifier == network.identifier else { return .gone }
      let directory = leases(network.name)
      if !exists(directory) { try makeDirectories(directory, mode: 0o700) }
      let target = Path("\(container).\(processIdentifier()).\(interface)")
      let taken = Set(try readNames(directory))
      func take(_ asked: IPAddress?, _ free: AnyIterator<IPAddress>) throws(Fault) -> IPAddress? {
        let candidates = asked.map { address in
          var next: IPAddress? = address
          return AnyIterator {
            defer { next = nil }
            return next
          }
        }
        while let address = (candidates ?? free).next() {
          do throws(Fault) {
            try makeSymbolicLink(directory.appending(address.description), to: target)
            return address
          } catch { if error.errno != .exists { throw error } }
        }
        return nil
      }
      guard let address = try take(request.address.map { .v4($0) }, freeAddresses(of: network, taken: taken)) else {
        return request.address.map { .held(.v4($0)) } ?? .full
      }
      guard network.subnet6 != nil else { return .leased([address]) }
      let address6: IPAddress?
      do throws(Fault) {
        passKillSwitch("leasing", 0)
        address6 = try take(request.address6.map { .v6($0) }, freeAddresses6(of: network, taken: taken))
      } catch {
        try? removeFile(directory.appending(address.description))
        throw error
      }
      guard let address6 else {
        try? removeFile(directory.appending(address.description))
        return request.address6.map { .held(.v6($0)) } ?? .full
      }
      return .leased([address, address6])
    }
  }

  func leaseLock(_ network: String) -> Path { runDirectory(network).appending(".lock") }

  private func takenAddresses(on network: Network) throws(NetworkError) -> Set<IPAddress> {
    try describing("cannot read the leases of network \(network.name)") { () throws(Fault) in
      Set(try readNames(leases(network.name)))
    }
  }

  /// Lowest first.
  private func freeAddresses(of network: Network, taken: Set<IPAddress>) -> AnyIterator<IPAddress> {
    let range = network.range ?? network.subnet
    var next = UInt64(range.first.value)
    return AnyIterator {
      while next <= UInt64(range.last.value) {
        let address = IPAddress.v4(IPv4Address(value: UInt32(next)))
        next += 1
        if network.isLeasable(address) && !taken.contains(address) { return address }
      }
      return nil
    }
  }

  private func freeAddresses6(of network: Network, taken: Set<IPAddress>) -> AnyIterator<IPAddress> {
    guard let range = network.range6 ?? network.subnet6 else { return AnyIterator { nil } }
    var next: UInt128? = range.first.value
    return AnyIterator {
      while let value = next, value <= range.last.value {
        let address = IPAddress.v6(IPv6Address(value: value))
        next = value == .max ? nil : value + 1
        if network.isLeasable(address) && !taken.contains(address) { return address }
      }
      return nil
    }
  }

  func readNames(_ directory: Path) throws(Fault) -> [IPAddress] {
    do throws(Fault) { return try entries(of: directory).compactMap { IPAddress($0.name.string) } } catch {
      if error.errno == .noSuchFile { return [] }
      throw error
    }
  }

  struct Lease: Sendable {
    var address: IPAddress
    var container: String
    /// Who took it; alive between the lease and the container's record.
    var leaser: ProcessIdentifier
    /// Which of the container's networks it is.
    var interface: Int

    init?(_ address: IPAddress, _ target: String) {
      let parts = target.split(separator: ".", maxSplits: 2)
      guard parts.count >= 2 else { return nil }
      self.address = address
      container = String(parts[0])
      leaser = ProcessIdentifier(parts[1]) ?? 0
      interface = parts.count > 2 ? Int(parts[2]) ?? 0 : 0
    }
  }

  func readLeases(_ directory: Path) throws(Fault) -> [Lease] { try readLeases(directory, readNames(directory)) }

  func readLeases(_ directory: Path, _ addresses: [IPAddress]) -> [Lease] {
    var found: [Lease] = []
    for address in addresses {
      // One that vanished meanwhile is no lease.
      guard let target = try? readSymbolicLink(directory.appending(address.description)).string,
        let lease = Lease(address, target)
      else { continue }
      found.append(lease)
    }
    return found.sorted { $0.address < $1.address }
  }

  /// Gives back what the container holds on the network, or on every one. Its cable goes with its namespace.
  package func release(_ container: String, network: String? = nil) throws(NetworkError) {
    // First, so that no port leads to an address that is somebody else's by then.
    try withdrawPorts(of: container)
    try describing("cannot give back the address of \(container.prefix(12))") { () throws(Fault) in
      let names: [String]
      if let network { names = [network] } else { names = try runningNames() }
      for name in names { try releaseLeases(of: container, on: name) }
    }
  }

  /// All that a container has on one network, known or not, and no port.
  package func release(_ container: String, leasesOn network: String) throws(NetworkError) {
    try describing("cannot give back the address of \(container.prefix(12))") { () throws(Fault) in
      try releaseLeases(of: container, on: network)
    }
  }

  private func releaseLeases(of container: String, on name: String) throws(Fault) {
    try withdraw(container, from: name)
    for lease in try readLeases(leases(name)) where lease.container == container {
      try? removeFile(leases(name).appending(lease.address.description))
    }
  }

  /// The same where the addresses and ports are known: no other lease or claim is looked at.
  package func release(
    _ container: String, _ attachments: [NetworkAttachment], ports: [PublishedPort]
  ) throws(NetworkError) {
    try withdrawPorts(of: container, known: ports)
    try release(container, leases: attachments)
  }

  /// Its names and addresses there, and no port: the container goes on without that network.
  package func release(_ container: String, leases attachments: [NetworkAttachment]) throws(NetworkError) {
    try describing("cannot give back the addresses of \(container.prefix(12))") { () throws(Fault) in
      for attachment in attachments {
        try withdraw(container, from: attachment.network)
        passKillSwitch("releasing", 0)
        let addresses =
          [IPAddress.v4(attachment.address.address)] + [attachment.address6.map { .v6($0.address) }].compactMap { $0 }
        for address in addresses {
          let file = leases(attachment.network).appending(address.description)
          // Only what is its own: the addresses may be another's since somebody healed this container.
          guard let target = try? readSymbolicLink(file).string, Lease(address, target)?.container == container else {
            continue
          }
          try? removeFile(file)
        }
      }
    }
  }

  /// Networks that have anything in /run.
  func runningNames() throws(Fault) -> [String] {
    do throws(Fault) { return try entries(of: run).map(\.name.string).filter(isValidNetworkName) } catch {
      if error.errno == .noSuchFile { return [] }
      throw error
    }
  }
}
