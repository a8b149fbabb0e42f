import Kernel
import Steps
import Testing

@testable import Networks

@Suite struct PortCandidatesTests {
  @Test func eachIsGivenOutOnceAndReservedOnesNever() {
    var candidates = PortCandidates(60_000...60_999, reserved: "60005,60100-60199\n")
    var seen: [UInt16] = []
    while let port = candidates.next() { seen.append(port) }
    #expect(Set(seen).count == seen.count && seen.count == 65_536 - 60_000 - 101)
    #expect(!seen.contains(60_005) && !seen.contains(60_150) && seen.contains(60_099))
    // Those that no program gets which asks for any come last.
    #expect(seen.prefix(899).allSatisfy { $0 < 61_000 } && seen.dropFirst(899).allSatisfy { $0 > 60_999 })
  }

  @Test func changesAreThoseOfBoth() {
    func entry(_ port: UInt16) -> PortEntry {
      PortEntry(.tcp, port: port, to: IPv4Address(172, 17, 0, 2), 80)
    }
    let (old, new) = (
      PublishedElements(ports: [entry(1), entry(2)], callers: []),
      PublishedElements(ports: [entry(2), entry(3)], callers: [])
    )
    let changes = PublishedElements.changes(from: old, to: new)
    #expect(changes.count == 2 && PublishedElements.changes(from: old, to: old).isEmpty)
  }
}

@Suite(.enabled(if: namespacesAreMissing == nil, "needs root: \(namespacesAreMissing ?? "")"))
struct ManyPortsTests {
  /// More than the kernel gives to programs that ask for any (28,232), each found once.
  @Test func thirtyThousandPortsAreFound() throws {
    try withStore { store in
      let attachment = try store.attach(identifier(1), to: "bridge", isAlive: everybody)
      let requests = (1...30_000).map { PortRequest(.tcp, containerPort: UInt16($0)) }
      let published = try store.publish(
        requests, for: identifier(1), at: attachment, isAlive: everybody, name: { _ in nil })
      #expect(Set(published.ports.map(\.hostPort)).count == 30_000)
      try store.release(identifier(1))
    }
  }
}
