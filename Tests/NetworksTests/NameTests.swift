import Kernel
import Networks
import Testing

@Suite struct NameTests {
  private func scratch() throws -> Path {
    let path = Path("/tmp/skiff-names-\(processIdentifier())-\(UInt64.random(in: 0...UInt64.max))")
    try makeDirectory(path, mode: 0o700)
    return path
  }

  @Test func hostsAsDockerWritesThem() {
    let text = HostsFile.base(
      own: [HostsEntry(address: "172.17.0.2", names: ["web.example", "web"])],
      extra: [HostsEntry(address: "10.0.0.9", names: ["db"])])
    #expect(
      text == """
        127.0.0.1\tlocalhost
        ::1\tlocalhost ip6-localhost ip6-loopback
        fe00::0\tip6-localnet
        ff00::0\tip6-mcastprefix
        ff02::1\tip6-allnodes
        ff02::2\tip6-allrouters
        10.0.0.9\tdb
        172.17.0.2\tweb.example web

        """)
  }

  @Test func aNetworksPartIsReplacedAndTheRestKept() {
    let base = "127.0.0.1\tlocalhost\n"
    let one = HostsFile.text(base, network: "back", members: [HostsEntry(address: "10.0.0.2", names: ["a"])])
    #expect(one.contains("10.0.0.2\ta\n"))
    let edited = one + "1.2.3.4\tmine\n"
    let two = HostsFile.text(edited, network: "back", members: [HostsEntry(address: "10.0.0.3", names: ["b"])])
    #expect(two.contains("1.2.3.4\tmine\n") && two.contains("10.0.0.3\tb\n") && !two.contains("10.0.0.2"))
    let other = HostsFile.text(two, network: "front", members: [HostsEntry(address: "10.1.0.3", names: ["c"])])
    #expect(other.contains("10.0.0.3\tb\n") && other.contains("10.1.0.3\tc\n"))
    #expect(
      HostsFile.text(HostsFile.text(other, network: "front", members: []), network: "back", members: [])
        == base + "1.2.3.4\tmine\n")
  }

  @Test func membersLearnOfEachOtherInPlace() throws {
    let directory = try scratch()
    defer { try? removeTree(directory) }
    let store = NetworkStore(root: directory.appending("lib"), run: directory.appending("run"))
    func member(_ number: Int, _ name: String) throws -> NetworkMember {
      let hosts = directory.appending("hosts\(number)")
      try replaceFile(hosts, with: Array("127.0.0.1\tlocalhost\n".utf8))
      return NetworkMember(
        container: identifier(number), address: IPv4Address(10, 0, 0, UInt8(number)),
        names: [name, "evil name\n6.6.6.6 x", name],
        hosts: hosts)
    }
    let one = try member(1, "one")
    let two = try member(2, "two")
    let inode = try status(of: one.hosts).inode
    try store.announce(one, on: "back")
    try store.announce(two, on: "back")
    #expect(try readText(one.hosts).contains("10.0.0.2\ttwo\n"))
    #expect(try readText(two.hosts).contains("10.0.0.1\tone\n"))
    #expect(try !readText(two.hosts).contains("6.6.6.6"))
    #expect(try status(of: one.hosts).inode == inode)

    // A member's own file that is gone or has become a link does not keep the others from learning.
    try removeFile(two.hosts)
    try replaceFile(directory.appending("target"), with: [])
    try makeSymbolicLink(two.hosts, to: directory.appending("target"))
    try store.announce(member(3, "three"), on: "back")
    #expect(try readText(one.hosts).contains("10.0.0.3\tthree\n"))
    #expect(try status(of: directory.appending("target")).size == 0)

    try store.release(identifier(2))
    try store.release(identifier(3))
    #expect(try readText(one.hosts) == "127.0.0.1\tlocalhost")
    #expect(try status(of: one.hosts).inode == inode)
  }

  @Test(arguments: [
    (
      "nameserver 10.1.1.1\nsearch corp.example\noptions ndots:2\n",
      "nameserver 10.1.1.1\nsearch corp.example\noptions ndots:2\n"
    ),
    ("# by hand\nnameserver 127.0.0.1\nnameserver 9.9.9.9\n", "nameserver 9.9.9.9\n"),
    ("nameserver 127.0.0.1\nnameserver ::1\n", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
    ("", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
  ])
  func resolvConf(host: String, expected: String) {
    #expect(ResolvConf.plain(host: host, ResolvRequest()).text == expected)
  }

  @Test func resolvConfOfOneThatAsksItsSupervisor() {
    let host = "domain old\nsearch a b\nnameserver 127.0.0.53\noptions edns0 ndots:x\nsortlist 10.0.0.0\n"
    func text(_ change: (inout ResolvRequest) -> Void) -> String {
      var request = ResolvRequest()
      change(&request)
      return ResolvConf.answered(host: host, request).text
    }
    #expect(
      text { _ in } == "nameserver 127.0.0.11\nsearch a b\noptions edns0 ndots:0\nsortlist 10.0.0.0\n")
    let asked = text {
      $0.servers = ["9.9.9.9"]
      $0.search = ["."]
      $0.options = ["ndots:2", "rotate"]
    }
    #expect(asked == "nameserver 127.0.0.11\noptions ndots:2 rotate\nsortlist 10.0.0.0\n")
    #expect(text { $0.search = ["corp.example"] }.contains("\nsearch corp.example\n"))
  }

  @Test func resolvConfByRequest() {
    var request = ResolvRequest()
    request.servers = ["9.9.9.9", "127.0.0.1"]
    request.search = ["."]
    #expect(
      ResolvConf.plain(host: "nameserver 1.1.1.1\nsearch a\n", request).text
        == "nameserver 9.9.9.9\nnameserver 127.0.0.1\n")
    #expect(resolvConfPath(host: "nameserver 127.0.0.53\noptions edns0\n") == "/run/systemd/resolve/resolv.conf")
    #expect(resolvConfPath(host: "nameserver 127.0.0.53\nnameserver 1.1.1.1\n") == "/etc/resolv.conf")
  }

  @Test func namesAreFoundOnTheNetworksThatOneIsOn() throws {
    let directory = try scratch()
    defer { try? removeTree(directory) }
    let store = NetworkStore(root: directory.appending("lib"), run: directory.appending("run"))
    func member(_ number: UInt8, _ names: [String], _ last: String? = nil) -> NetworkMember {
      NetworkMember(
        container: identifier(Int(number)), address: IPv4Address(10, 0, 0, number),
        address6: last.flatMap { IPv6Address($0) }, names: names, hosts: "")
    }
    try store.announce(member(1, ["one"]), on: "back")
    try store.announce(member(2, ["Web", "shared", "..", "."], "fd00::2"), on: "back")
    try store.announce(member(3, ["three", "shared"]), on: "back")
    try store.announce(member(4, ["four", "shared"]), on: "outEr")
    func find(_ name: String, _ container: Int) -> [String]? {
      store.addresses(of: name, seenBy: identifier(container))?.map(\.address.description)
    }
    #expect(find("web", 1) == ["10.0.0.2", "fd00::2"])
    #expect(find("web.back", 1) == ["10.0.0.2", "fd00::2"])
    #expect(find("shared", 1) == ["10.0.0.2", "10.0.0.3", "fd00::2"])
    #expect(find("four", 1) == nil && find("web", 4) == nil && find("web", 9) == nil)
    for hostile in ["..", ".", "", "../members", "x/y"] { #expect(find(hostile, 1) == nil) }
    #expect(store.networkNames(of: identifier(1)) == ["back"])
    // One that is connected to another network finds names there at once.
    try store.announce(member(1, ["one"]), on: "outEr")
    #expect(find("four.outer", 1) == ["10.0.0.4"])
    let one = identifier(1)
    #expect(store.owner(of: .v4(IPv4Address(10, 0, 0, 2)), seenBy: one) == .container(name: "Web", network: "back"))
    #expect(store.owner(of: .v4(IPv4Address(10, 0, 0, 9)), seenBy: one) == .elsewhere)
    let before = store.nameGeneration()
    // Whose names change is found by the new ones; who leaves is found no more, and takes nobody along.
    try store.release(identifier(2))
    #expect(store.nameGeneration() != before && before != nil)
    #expect(find("web", 1) == nil)
    #expect(find("shared", 1) == ["10.0.0.3"])
    try store.release(identifier(3))
    #expect(find("shared", 1) == ["10.0.0.4"])
    #expect(store.owner(of: .v4(IPv4Address(10, 0, 0, 2)), seenBy: one) == .elsewhere)
  }
}
