import Kernel
import Networks
import Steps
import Testing

@Suite(.enabled(if: namespacesAreMissing == nil, "needs root: \(namespacesAreMissing ?? "")"))
struct LeaseTests {
  @Test func aHundredAtOnceAreUnique() throws {
    try withStore { store in
      let namespace = try currentNamespace()
      let here = namespace.borrowed
      let leasers = (0..<100).map { number in
        background {
          try joinNamespace(here, .network)
          _ = try store.attach(identifier(number), to: "bridge", isAlive: everybody)
        }
      }
      for leaser in leasers { try leaser() }
      let network = try store.find("bridge")
      let leases = try store.leases(of: network)
      #expect(leases.count == 100)
      #expect(Set(leases.map(\.address)).count == 100 && Set(leases.map(\.container)).count == 100)
      #expect(leases.map(\.address.value).max() == network.subnet.first.value + 101)
      #expect(leases.allSatisfy { $0.address != network.gateway && network.subnet.contains($0.address) })
    }
  }

  @Test func aFullNetworkSaysSoAndTheDeadGiveTheirAddressesBack() throws {
    try withStore { store in
      var options = NetworkOptions(name: "tiny")
      options.subnets = ["10.90.0.0/29"]
      _ = try store.perform(store.prepareCreation(of: options))
      let addresses = try (0..<5).map {
        try store.attach(identifier($0), to: "tiny", isAlive: everybody).address.address
      }
      #expect(addresses.map(\.description) == (2...6).map { "10.90.0.\($0)" })
      let error = #expect(throws: NetworkError.self) {
        _ = try store.attach(identifier(9), to: "tiny", isAlive: everybody)
      }
      #expect(error?.message == "network tiny has no free address: 5 of 10.90.0.0/29 are taken")

      // This process, which took them, is still there: a lease whose container is not recorded yet is not a dead one's.
      #expect(try store.heal(isAlive: nobody).isEmpty)
      for address in [addresses[1], addresses[3]] {
        let path = store.run.appending("tiny/leases/\(address)")
        let target = try readSymbolicLink(path).string.split(separator: ".")[0]
        try removeFile(path)
        try makeSymbolicLink(path, to: Path("\(target).0"))
      }
      // Full again, two of the holders are dead: the next one gets the first of their addresses.
      let next = try store.attach(identifier(9), to: "tiny") { $0 != identifier(1) && $0 != identifier(3) }
      #expect(next.address.address == addresses[1])
      #expect(try store.leases(of: store.find("tiny")).count == 4)
    }
  }

  @Test func theLowestFreeAddressIsFoundWhateverIsSaidOfWhereToBegin() throws {
    try withStore { store in
      let subnet = try store.ready("bridge").subnet
      func lease(_ number: Int) throws -> Int {
        let address = try store.attach(identifier(number), to: "bridge", isAlive: everybody).address.address
        return Int(address.value - subnet.first.value)
      }
      #expect(try (1...4).map(lease) == [2, 3, 4, 5])
      try store.release(identifier(2))
      #expect(try [lease(5), lease(6)] == [3, 6])
      let note = store.run.appending("bridge/.free")
      let texts = ["rubbish\n\0", "\(subnet.first)\n", "203.0.113.9\nfd00::1\n", "", "\(subnet.last)\n"]
      for (index, text) in texts.enumerated() {
        try replaceFile(note, with: Array(text.utf8))
        #expect(try lease(7 + index) == 7 + index, "\(text)")
      }
      // Somebody stands still with it: neither who comes nor who goes waits for that for long.
      let holder = try open(note, [.readWrite])
      try holder.borrowed.lock(.exclusive)
      let begin = monotonicNanoseconds()
      #expect(try lease(12) == 12)
      try store.release(identifier(12))
      #expect(monotonicNanoseconds() - begin < 10_000_000_000)
      try holder.borrowed.unlock()
      try removeFile(note)
      try makeDirectory(note, mode: 0o700)
      #expect(try lease(12) == 12)
      try store.release(identifier(12))
      #expect(try lease(13) == 12)
    }
  }

  @Test func whatIsNoLeaseIsTakenAway() throws {
    try withStore { store in
      let network = try store.ready("bridge")
      let held = try store.attach(identifier(1), to: "bridge", isAlive: everybody).address.address
      let leases = store.run.appending("bridge/leases")
      let others = (3...5).map { leases.appending(IPv4Address(value: network.subnet.first.value + $0).description) }
      try replaceFile(others[0], with: Array("junk".utf8))
      try makeDirectory(others[1], mode: 0o700)
      try makeSymbolicLink(others[2], to: "nobody")
      let members = store.run.appending("bridge/members")
      try makeDirectories(members, mode: 0o700)
      try replaceFile(members.appending("x"), with: Array("{{{".utf8))
      #expect(try store.heal(isAlive: everybody).count == 3)
      #expect(try entries(of: leases).map(\.name.string) == [held.description])
      _ = try store.heal { $0 == identifier(1) }
      #expect(try entries(of: members).isEmpty)
    }
  }

  /// The network is removed, and made again by the same name, between the look at it and the lease.
  @Test func anAddressOfARemovedNetworkIsNotLeased() throws {
    try withStore { store in
      _ = try store.perform(store.prepareCreation(of: NetworkOptions(name: "back")))
      var steps = 0
      let error = #expect(throws: NetworkError.self) {
        _ = try store.attach(identifier(1), to: "back", isAlive: everybody) { _ in steps += 1 }
        try store.release(identifier(1))
        try store.remove("back", isAlive: everybody)
        _ = try store.attach(identifier(1), to: "back", isAlive: everybody)
      }
      #expect(error?.kind == .notFound && steps == 0)
      #expect(!exists(store.run.appending("back")))
    }
  }

  @Test func releasingKnowsTheContainerAlone() throws {
    try withStore { store in
      _ = try store.perform(store.prepareCreation(of: NetworkOptions(name: "back")))
      for network in ["bridge", "back"] { _ = try store.attach(identifier(1), to: network, isAlive: everybody) }
      _ = try store.attach(identifier(2), to: "back", isAlive: everybody)
      try store.release(identifier(1))
      #expect(try store.leases(of: store.find("bridge")).isEmpty)
      #expect(try store.leases(of: store.find("back")).map(\.container) == [identifier(2)])
      try store.release(identifier(1))
    }
  }

  @Test func healingTakesCablesNamesAndBridgesWithoutARecord() throws {
    let far = try makeNamespace()
    let inside = far.borrowed
    try withStore { store in
      let options = NetworkOptions(name: "back")
      let back = try store.perform(store.prepareCreation(of: options))
      let attachment = try store.attach(identifier(1), to: "back", isAlive: everybody)
      for step in attachment.wiring { try performStep(step, inside) }
      try store.announce(
        NetworkMember(container: identifier(1), address: attachment.address.address, names: ["web"], hosts: "/nowhere"),
        on: "back")
      #expect(try run("ip", "link").contains(attachment.hostLink))
      #expect(try store.heal(isAlive: everybody).isEmpty)

      let lease = store.run.appending("back/leases/\(attachment.address.address)")
      try removeFile(lease)
      try makeSymbolicLink(lease, to: Path("\(identifier(1)).0"))
      #expect(try store.heal(isAlive: nobody).count == 1)
      #expect(try !run("ip", "link").contains(attachment.hostLink))
      #expect(try store.leases(of: back).isEmpty && store.members(of: back).isEmpty)

      try removeFile(store.root.appending("back.json"))
      #expect(try store.heal(isAlive: nobody).contains("the bridge \(back.bridge)"))
      #expect(try !run("ip", "link").contains(back.bridge))
      #expect(try store.heal(isAlive: nobody).isEmpty)
    }
  }
}
