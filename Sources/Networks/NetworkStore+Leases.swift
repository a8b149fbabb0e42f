package import Kernel
internal import Launching
package import Steps

// A lease is a symbolic link `<run>/<network>/leases/<address>` that reads `<container>.<pid of the leaser>`: symlink(2)
// either makes the name with its contents or fails, so of a hundred commands one gets the address.

extension NetworkStore {
  /// A free address for the container, and its place on the network, which is made ready.
  ///
  /// - Parameters:
  ///   - container: its identifier.
  ///   - isAlive: whether a container is there that may hold a lease; asked only when every address is taken.
  package func attach(
    _ container: String, to word: String, interface: Int = 0, isAlive: (String) -> Bool,
    observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> NetworkAttachment {
    for _ in 0..<8 {
      let network = try ready(word, observe: observe)
      // Removed by another command between the look and the lease: then the look says so, or the default one is made again.
      guard let address = try lease(on: network, for: container, isAlive: isAlive) else { continue }
      return attachment(of: container, to: network, address: address, interface: interface)
    }
    throw NetworkError(.conflict, "network \(word) is removed again and again while a container wants to join it")
  }

  /// The same without making anything: `observe` sees the steps that would make the network ready.
  package func rehearse(
    _ container: String, on word: String, observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> NetworkAttachment {
    let preparation = try prepare(word)
    for step in preparation.steps { observe(step) }
    let network = preparation.network
    let taken = try takenAddresses(on: network)
    guard let address = freeAddresses(of: network, taken: taken).next() else { throw full(network, taken.count) }
    return attachment(of: container, to: network, address: address, interface: 0)
  }

  private func attachment(
    of container: String, to network: Network, address: IPv4Address, interface: Int
  ) -> NetworkAttachment {
    NetworkAttachment(
      network: network.name, address: IPv4Prefix(address, length: network.subnet.length),
      gateway: network.isInternal ? nil : network.gateway, bridge: network.bridge,
      hostLink: hostLink(container: container, interface: interface), name: "eth\(interface)")
  }

  /// Who holds which address.
  package func leases(of network: Network) throws(NetworkError) -> [(address: IPv4Address, container: String)] {
    try describing("cannot read the leases of network \(network.name)") { () throws(Fault) in
      try readLeases(leases(network.name)).map { ($0.address, $0.container) }
    }
  }

  /// Nil when the network is gone by now.
  private func lease(
    on network: Network, for container: String, isAlive: (String) -> Bool
  ) throws(NetworkError) -> IPv4Address? {
    for attempt in 0..<2 {
      switch try tryLease(on: network, for: container) {
      case .leased(let address): return address
      case .gone: return nil
      case .full where attempt == 0: _ = try heal(network.name, isAlive: isAlive)
      case .full: break
      }
    }
    throw full(network, try takenAddresses(on: network).count)
  }

  private func full(_ network: Network, _ count: Int) -> NetworkError {
    NetworkError(
      .conflict, "network \(network.name) has no free address: \(count) of \(network.subnet) are taken",
      hint: "stop a container on it, or make a network with a wider --subnet")
  }

  private enum LeaseAttempt { case leased(IPv4Address), full, gone }

  private func tryLease(on network: Network, for container: String) throws(NetworkError) -> LeaseAttempt {
    try describing("cannot lease an address of network \(network.name)") { () throws(Fault) in
      // Shared among leasers; who takes away the leases of the dead, or the network, holds it alone.
      let lock = try locked(leaseLock(network.name), .shared)
      defer { hold(lock) }
      // Who removed the network held the lock that we waited for, and the record went before the lock's file did.
      guard let current = try? read(network.name), current.identifier == network.identifier else { return .gone }
      let directory = leases(network.name)
      if !exists(directory) { try makeDirectories(directory, mode: 0o700) }
      let free = freeAddresses(of: network, taken: Set(try readNames(directory)))
      while let address = free.next() {
        do throws(Fault) {
          try makeSymbolicLink(
            directory.appending(address.description), to: Path("\(container).\(processIdentifier())"))
          return .leased(address)
        } catch { if error.errno != .exists { throw error } }
      }
      return .full
    }
  }

  func leaseLock(_ network: String) -> Path { runDirectory(network).appending(".lock") }

  private func takenAddresses(on network: Network) throws(NetworkError) -> Set<IPv4Address> {
    try describing("cannot read the leases of network \(network.name)") { () throws(Fault) in
      Set(try readNames(leases(network.name)))
    }
  }

  /// Lowest first.
  private func freeAddresses(of network: Network, taken: Set<IPv4Address>) -> AnyIterator<IPv4Address> {
    var next = network.subnet.first.value + 1
    return AnyIterator {
      while next < network.subnet.last.value {
        let address = IPv4Address(value: next)
        next += 1
        if address != network.gateway && !taken.contains(address) { return address }
      }
      return nil
    }
  }

  func readNames(_ directory: Path) throws(Fault) -> [IPv4Address] {
    do throws(Fault) { return try entries(of: directory).compactMap { IPv4Address($0.name.string) } } catch {
      if error.errno == .noSuchFile { return [] }
      throw error
    }
  }

  struct Lease: Sendable {
    var address: IPv4Address
    var container: String
    /// Who took it; alive between the lease and the container's record.
    var leaser: ProcessIdentifier
  }

  func readLeases(_ directory: Path) throws(Fault) -> [Lease] {
    var found: [Lease] = []
    for address in try readNames(directory) {
      // One that vanished meanwhile is no lease.
      guard let target = try? readSymbolicLink(directory.appending(address.description)).string else { continue }
      let parts = target.split(separator: ".", maxSplits: 1)
      guard parts.count == 2 else { continue }
      found.append(Lease(address: address, container: String(parts[0]), leaser: ProcessIdentifier(parts[1]) ?? 0))
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
      for name in names {
        try withdraw(container, from: name)
        for lease in try readLeases(leases(name)) where lease.container == container {
          try? removeFile(leases(name).appending(lease.address.description))
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
