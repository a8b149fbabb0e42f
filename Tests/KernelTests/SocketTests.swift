import Kernel
import Testing

@Suite struct SocketTests {
  private func scratch() throws -> Path {
    let path = Path("/tmp/skiff-sockets-\(processIdentifier())-\(UInt32.random(in: 0...UInt32.max))")
    try makeDirectory(path, mode: 0o700)
    return path
  }

  @Test func addressesAreStrict() {
    #expect(IPv4Address("10.0.255.1")?.value == 0x0a00_ff01)
    for bad in [
      "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.+4", "1.2.3.4 ", "1..3.4", "0x1.2.3.4", "1.2.3.٤",
    ] {
      #expect(IPv4Address(bad) == nil, "\(bad)")
    }
    for bad in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "/8"] {
      #expect(IPv4Prefix(bad) == nil, "\(bad)")
    }
  }

  @Test func prefixArithmetic() throws {
    let prefix = try #require(IPv4Prefix("172.20.5.9/16"))
    #expect(prefix.network.description == "172.20.0.0/16")
    #expect(prefix.hasHostBits && !prefix.network.hasHostBits)
    #expect(prefix.last.description == "172.20.255.255")
    #expect(try prefix.overlaps(#require(IPv4Prefix("172.20.7.0/24"))))
    #expect(try !prefix.overlaps(#require(IPv4Prefix("172.21.0.0/24"))))
    #expect(try #require(IPv4Prefix("0.0.0.0/0")).overlaps(prefix))
    #expect(try #require(IPv4Prefix("1.2.3.4/32")).contains(IPv4Address(1, 2, 3, 4)))
  }

  @Test func descriptorsTravelAndArriveCloseOnExec() throws {
    let pair = try makeSocketPair()
    let pipe = try makePipe()
    #expect(
      try pair.first.borrowed.sendMessage(
        [7, 8], descriptors: [pipe.writing.borrowed, pipe.reading.borrowed, pipe.writing.borrowed]) == 2)
    var buffer = [UInt8](repeating: 0, count: 16)
    var message = try pair.second.borrowed.receiveMessage(into: &buffer)
    #expect(message.count == 2 && buffer[0] == 7)
    #expect(message.descriptors.count == 3 && !message.isTruncated)
    guard let writing = message.descriptors.take() else { return }
    try writing.borrowed.write("hello")
    #expect(try pipe.reading.borrowed.read(into: &buffer) == 5)
    #expect(try readText("/proc/self/fdinfo/\(writing.rawValue)").contains("02000001"))
  }

  @Test func moreDescriptorsThanAskedForAreClosed() throws {
    let pair = try makeSocketPair()
    _ = try pair.first.borrowed.sendMessage([1], descriptors: [.standardError, .standardError, .standardError])
    var buffer: [UInt8] = [0]
    let before = try entries(of: "/proc/self/fd").count
    do {
      let message = try pair.second.borrowed.receiveMessage(into: &buffer, descriptorLimit: 1)
      #expect(message.isTruncated && message.descriptors.count == 1)
    }
    // Other tests open files meanwhile; what counts is that not three more are here.
    #expect(try entries(of: "/proc/self/fd").count < before + 3)
  }

  @Test func aMessageWithoutDescriptors() throws {
    let pair = try makeSocketPair(.stream)
    _ = try pair.first.borrowed.sendMessage([1, 2, 3])
    var buffer = [UInt8](repeating: 0, count: 2)
    let message = try pair.second.borrowed.receiveMessage(into: &buffer)
    #expect(message.count == 2 && message.descriptors.count == 0)
  }

  @Test(arguments: [4, 150]) func pathSocketsOfAnyLength(nameLength: Int) throws {
    let directory = try scratch()
    defer { try? removeTree(directory) }
    let path = directory.appending(String(repeating: "d", count: 200)).appending(
      String(repeating: "s", count: nameLength))
    try makeDirectory(path.parent, mode: 0o700)
    // 22 bytes of /proc/self/fd/… and the name must fit together.
    if nameLength > 90 {
      #expect { _ = try listenUnix(path) } throws: { ($0 as? Fault)?.errno == .nameTooLong }
      return
    }
    let listening = try listenUnix(path)
    #expect(try status(of: path).mode == 0o600)
    let client = try connectUnix(path)
    let server = try listening.borrowed.accept()
    let peer = try server.borrowed.peerCredentials()
    #expect(peer.process == processIdentifier() && peer.user == effectiveUser() && peer.group == effectiveGroup())
    #expect(try client.borrowed.send([1, 2, 3]) == 3)
    var buffer = [UInt8](repeating: 0, count: 8)
    #expect(try server.borrowed.receive(into: &buffer) == 3)
    #expect { try client.borrowed.bindUnix(path) } throws: { ($0 as? Fault)?.arguments == path.quoted }
  }

  @Test func loopbackDatagrams() throws {
    let receiver = try makeSocket(.ipv4, .datagram)
    try receiver.borrowed.bind(.ipv4(IPv4Address(127, 0, 0, 1), port: 0))
    let address = try receiver.borrowed.localAddress()
    let port = try #require(address.ipv4?.port)
    #expect(port != 0)
    let sender = try makeSocket(.ipv4, .datagram)
    #expect(try sender.borrowed.send([9, 9], to: address) == 2)
    var buffer = [UInt8](repeating: 0, count: 1)
    let got = try receiver.borrowed.receiveWithSender(into: &buffer, .truncate)
    #expect(got.count == 2 && got.sender.ipv4?.address.isLoopback == true)
    #expect(try sender.borrowed.takeSocketError() == nil)
  }
}
