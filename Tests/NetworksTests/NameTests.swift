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
  func resolvConf(host: String, expected: String) { #expect(containerResolvConf(host: host) == expected) }

  @Test func resolvConfByRequestAndInside() {
    #expect(
      containerResolvConf(host: "nameserver 1.1.1.1\nsearch a\n", servers: ["9.9.9.9"])
        == "nameserver 9.9.9.9\nsearch a\n")
    #expect(containerResolvConf(host: "nameserver 1.1.1.1\n", isInternal: true) == "")
    #expect(resolvConfPath(host: "nameserver 127.0.0.53\noptions edns0\n") == "/run/systemd/resolve/resolv.conf")
    #expect(resolvConfPath(host: "nameserver 127.0.0.53\nnameserver 1.1.1.1\n") == "/etc/resolv.conf")
  }
}
