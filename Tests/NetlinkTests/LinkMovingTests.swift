import Kernel
import Netlink
import Steps
import Testing

/// Links between two namespaces, as ip(8) sees them.
@Suite(.enabled(if: namespacesAreMissing == nil && isInstalled("ip"), "needs root and iproute2"))
struct LinkMovingTests {
  /// In the caller's namespace: a link that is up, with an address of each family, and one that it loses.
  private static func makeLink(_ name: String) throws {
    try run("ip", "link", "add", name, "mtu", "1400", "type", "veth", "peer", "name", name + "p")
    for address in [
      ["10.99.0.1/24", "broadcast", "10.99.0.255"], ["10.99.0.2/24"], ["10.98.0.1", "peer", "10.98.0.9/32"],
      ["fd00:99::1/64", "nodad"], ["fd00:99::2/64", "nodad", "noprefixroute"],
      ["10.97.0.1/24", "valid_lft", "1000", "preferred_lft", "1000"], ["10.96.0.1/24", "scope", "link"],
    ] {
      try run("ip", arguments: ["address", "add"] + address + ["dev", name])
    }
    try run("ip", "link", "set", "dev", name, "up")
    try run("ip", "link", "set", "dev", name + "p", "up")
  }

  /// What `ip` says of the addresses, without numbers of links.
  private static func addresses(of name: String) throws -> [String] {
    try run("ip", "-o", "address", "show", "dev", name).split(separator: "\n").map { line in
      let words = line.split { $0 == " " || $0 == "\\" }.dropFirst(2).prefix { $0 != "valid_lft" }
      return words.filter { $0 != name && $0 != "dynamic" && $0 != "tentative" }.joined(separator: " ")
    }
  }

  private static let kept = [
    "inet 10.99.0.1/24 brd 10.99.0.255 scope global", "inet 10.99.0.2/24 scope global secondary",
    "inet 10.98.0.1 peer 10.98.0.9/32 scope global", "inet6 fd00:99::1/64 scope global nodad",
    "inet6 fd00:99::2/64 scope global nodad noprefixroute",
  ]

  @Test(arguments: ["dev0", "inner0"])
  func itIsThereWithItsAddressesAndUp(newName: String) throws {
    let other = try makeNamespace()
    let container = other.borrowed
    // Kept: with the other end of its cable a link goes too.
    let home = try makeNamespace()
    let back = try inNamespace(home.borrowed) {
      try Self.makeLink("dev0")
      let back = try moveLink(LinkMove("dev0", to: newName), into: container)
      // The caller is where it was.
      var socket = try RouteSocket()
      #expect(try socket.link("dev0") == nil && socket.link("dev0p") != nil)
      return back
    }
    #expect(back.name == "dev0" && back.wasUp)
    try inNamespace(container) {
      var socket = try RouteSocket()
      let link = try #require(try socket.link(newName))
      #expect(link.isUp && link.mtu == 1400 && link.index == back.index)
      let addresses = try Self.addresses(of: newName)
      #expect(Set(addresses.filter { !$0.contains("fe80:") }) == Set(Self.kept), "\(addresses)")
      // The first of a network stays the one that packets leave with.
      #expect(try run("ip", "route", "get", "10.99.0.7").contains("src 10.99.0.1"))
    }
  }

  @Test func aTemplateGetsTheFirstNumberThatIsFree() throws {
    let other = try makeNamespace()
    let container = other.borrowed
    let home = try makeNamespace()
    try inNamespace(container) { try run("ip", "link", "add", "eth0", "type", "bridge") }
    try inNamespace(home.borrowed) {
      try Self.makeLink("dev0")
      try run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0p")
      try perform(.moveLink(LinkMove("dev0", to: "eth%d")), container: container)
      try perform(.moveLink(LinkMove("eth0", to: "eth%d")), container: container)
    }
    try inNamespace(container) {
      var socket = try RouteSocket()
      #expect(try Set(socket.links().map(\.name)).isSuperset(of: ["eth0", "eth1", "eth2"]))
      #expect(try Self.addresses(of: "eth1").contains(Self.kept[0]))
      #expect(try socket.link("eth2")?.isUp == true)
    }
  }

  @Test(arguments: [true, false])
  func itComesBackAsItWas(isUp: Bool) throws {
    let other = try makeNamespace()
    let container = other.borrowed
    try inNewNamespace {
      try Self.makeLink("dev0")
      if !isUp { try run("ip", "link", "set", "dev", "dev0", "down") }
      let before = try Self.addresses(of: "dev0").filter { Self.kept.contains($0) }
      let back = try moveLink(LinkMove("dev0", to: "inner0"), into: container)
      try perform(.returnLink(back), container: container)
      var socket = try RouteSocket()
      #expect(try socket.link("dev0")?.isUp == isUp)
      #expect(try Set(Self.addresses(of: "dev0").filter { Self.kept.contains($0) }) == Set(before))
      #expect(before.count == (isUp ? 5 : 3), "\(before)")
    }
    try inNamespace(container) {
      var socket = try RouteSocket()
      #expect(try socket.link("inner0") == nil && socket.link("dev0") == nil)
    }
  }

  /// Whatever is refused, and wherever: the link is where it was, as it was.
  @Test(arguments: [
    (LinkMove("nosuch0", to: "nosuch0"), Errno.noSuchDevice), (LinkMove("dev0", to: "lo"), .exists),
    (LinkMove("dev0", to: "0123456789abcdef"), .invalid), (LinkMove("dev0", to: "a/b"), .invalid),
    (LinkMove("dev0", to: "a b"), .invalid), (LinkMove("dev0", to: ".."), .invalid),
    (LinkMove("dev0", to: "a%s"), .invalid), (LinkMove("lo", to: "lo1"), .invalid),
  ])
  func refused(move: LinkMove, errno: Errno) throws {
    let other = try makeNamespace()
    let container = other.borrowed
    try inNewNamespace {
      try Self.makeLink("dev0")
      let fault = #expect(throws: Fault.self) { try moveLink(move, into: container) }
      #expect(fault?.errno == errno, "\(String(describing: fault))")
      #expect(try run("ip", "link", "show", "dev", "dev0").contains("state UP"))
      #expect(try Self.addresses(of: "dev0").contains(Self.kept[0]))
    }
  }

  /// The move succeeds, an address does not: then the move is undone.
  @Test func anAddressThatIsRefusedBringsItBack() throws {
    let other = try makeNamespace()
    let container = other.borrowed
    try inNamespace(container) {
      for which in ["all", "default"] { try writeControl(Path("/proc/sys/net/ipv6/conf/\(which)/disable_ipv6"), "1") }
    }
    try inNewNamespace {
      try Self.makeLink("dev0")
      let fault = #expect(throws: Fault.self) { try moveLink(LinkMove("dev0", to: "inner0"), into: container) }
      #expect(fault?.errno == .accessDenied && fault?.arguments.contains("fd00:99:") == true)
      #expect(fault?.hint?.contains("disable_ipv6") == true)
      #expect(try Set(Self.addresses(of: "dev0").filter { Self.kept.contains($0) }) == Set(Self.kept))
    }
  }
}
