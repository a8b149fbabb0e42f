package import Kernel

// A lease is a symbolic link `<run>/<network>/leases/<address>` that reads `<container>.<pid of the leaser>`: symlink(2)
// either makes the name with its contents or fails, so of a hundred commands one gets the address.

extension NetworkStore {
  /// Who holds which IPv4 address: each container on the network has one.
  package func leases(of network: Network) throws(NetworkError) -> [(address: IPv4Address, container: String)] {
    try describing("cannot read the leases of network \(network.name)") { () throws(Fault) in
      try readLeases(leases(network.name)).compactMap { lease in lease.address.v4.map { ($0, lease.container) } }
    }
  }

  /// Nil when the network is gone by now.
  func lease(
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

  func full(_ network: Network, _ count: Int) -> NetworkError {
    NetworkError(
      .conflict,
      "network \(network.name) has no free address: \(count) of \(network.range ?? network.subnet) are taken",
      hint: "stop a container on it, or make a network with a wider --subnet")
  }

  func held(_ address: IPAddress, on network: Network) -> NetworkError {
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
      // Nobody's address is given back meanwhile, and nobody else takes one.
      var first = try? FirstFree(firstFree(network.name))
      defer { first = nil }
      var found: [IPAddress] = []
      func make(_ address: IPAddress) throws(Fault) -> Bool {
        do throws(Fault) { try makeSymbolicLink(directory.appending(address.description), to: target) } catch {
          guard error.errno == .exists else { throw error }
          return false
        }
        return true
      }
      func take(
        _ asked: IPAddress?, from first: IPAddress?, _ free: (Set<IPAddress>, IPAddress?) -> AnyIterator<IPAddress>
      ) throws(Fault) -> IPAddress? {
        if let asked { return try make(asked) ? asked : nil }
        if let first {
          for address in free([], first).prefix(Self.mostTries) where try make(address) {
            found.append(address)
            return address
          }
        }
        for address in free(Set(try readNames(directory)), nil) where try make(address) {
          found.append(address)
          return address
        }
        return nil
      }
      let address = try take(request.address.map { .v4($0) }, from: first?.v4) {
        freeAddresses(of: network, taken: $0, from: $1)
      }
      guard let address else { return request.address.map { .held(.v4($0)) } ?? .full }
      var leased = [address]
      if network.subnet6 != nil {
        let address6: IPAddress?
        do throws(Fault) {
          passKillSwitch("leasing", 0)
          address6 = try take(request.address6.map { .v6($0) }, from: first?.v6) {
            freeAddresses6(of: network, taken: $0, from: $1)
          }
        } catch {
          try? removeFile(directory.appending(address.description))
          throw error
        }
        guard let address6 else {
          try? removeFile(directory.appending(address.description))
          return request.address6.map { .held(.v6($0)) } ?? .full
        }
        leased.append(address6)
      }
      passKillSwitch("leasing", 1)
      try? first?.pass(found)
      return .leased(leased)
    }
  }

  /// So many addresses may be taken from the one on that was the first free one: more than that, and the list is read.
  private static let mostTries = 32

  func leaseLock(_ network: String) -> Path { runDirectory(network).appending(".lock") }

  func takenAddresses(on network: Network) throws(NetworkError) -> Set<IPAddress> {
    try describing("cannot read the leases of network \(network.name)") { () throws(Fault) in
      Set(try readNames(leases(network.name)))
    }
  }

  /// Lowest first.
  ///
  /// - Parameter first: where to begin, when it is one of the range.
  func freeAddresses(
    of network: Network, taken: Set<IPAddress>, from first: IPAddress? = nil
  ) -> AnyIterator<IPAddress> {
    let range = network.range ?? network.subnet
    return leasable(on: network, range.first.value...range.last.value, from: first?.v4?.value, taken) {
      .v4(IPv4Address(value: $0))
    }
  }

  func freeAddresses6(
    of network: Network, taken: Set<IPAddress>, from first: IPAddress? = nil
  ) -> AnyIterator<IPAddress> {
    guard let range = network.range6 ?? network.subnet6 else { return AnyIterator { nil } }
    return leasable(on: network, range.first.value...range.last.value, from: first?.v6?.value, taken) {
      .v6(IPv6Address(value: $0))
    }
  }

  private func leasable<Value: FixedWidthInteger>(
    on network: Network, _ range: ClosedRange<Value>, from first: Value?, _ taken: Set<IPAddress>,
    _ address: @escaping (Value) -> IPAddress
  ) -> AnyIterator<IPAddress> {
    var next: Value? = first.map { range.contains($0) ? $0 : range.lowerBound } ?? range.lowerBound
    return AnyIterator {
      while let value = next {
        // The highest of all has none after it that could be counted.
        next = value < range.upperBound ? value + 1 : nil
        let address = address(value)
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
}

/// An address that a container holds.
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
