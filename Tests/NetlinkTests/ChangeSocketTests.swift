import Kernel
import Testing

@testable import Netlink

@Suite(.enabled(if: namespacesAreMissing == nil, "needs root: \(namespacesAreMissing ?? "")"))
struct ChangeSocketTests {
  @Test func whoListensIsToldOfWhatIsWorthALook() throws {
    try inNewNamespace {
      let changes = try ChangeSocket(.links)
      func news() -> ChangeSocket.News { changes.drain { $0.kind == "veth" && $0.name.hasPrefix("other") } }
      #expect(news() == .none)
      try run("ip", "link", "add", "one0", "type", "veth", "peer", "name", "one1")
      #expect(news() == .some)
      #expect(news() == .none)
      try run("ip", "link", "set", "one0", "name", "other0")
      #expect(news() == .grave)
      // It is no news that it is still there.
      try run("ip", "link", "set", "one1", "up")
      #expect(news() == .some)
      try run("ip", "link", "del", "one1")
      #expect(news() == .some)
    }
  }

  @Test func whatWasLostMayHaveBeenIt() throws {
    try inNewNamespace {
      let changes = try ChangeSocket(.links)
      try changes.borrowed.setSocketOption(level: 1, 8, to: 4096)  // SO_RCVBUF
      for _ in 0..<20 {
        try run("ip", "link", "set", "lo", "up")
        try run("ip", "link", "set", "lo", "down")
      }
      #expect(changes.drain() == .grave)
      #expect(changes.drain() == .none)
    }
  }
}
