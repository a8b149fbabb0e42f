import Kernel
import Steps
import Testing

@testable import Netlink

/// The bytes as <linux/netlink.h> and <linux/rtnetlink.h> lay them out, on a little-endian machine.
@Suite struct MessageTests {
  /// "1c 00" or "'lo'" with a NUL, spaces ignored.
  private func bytes(_ text: String) -> [UInt8] {
    text.split(whereSeparator: \.isWhitespace).flatMap { word -> [UInt8] in
      word.hasPrefix("'") ? Array(word.dropFirst().dropLast().utf8) : [UInt8(word, radix: 16) ?? 0xEE]
    }
  }

  private func message(_ type: UInt16, _ flags: RequestFlags, _ body: (inout MessageWriter) -> Void) -> [UInt8] {
    var writer = MessageWriter()
    writer.message(type, flags, sequence: 7, body)
    return writer.bytes
  }

  @Test func header() {
    // struct nlmsghdr: length 16, RTM_GETLINK, NLM_F_REQUEST|NLM_F_DUMP, sequence 7, port 0.
    #expect(message(18, [.request, .dump]) { _ in } == bytes("10 00 00 00  12 00  01 03  07 00 00 00  00 00 00 00"))
  }

  @Test func attributesArePadded() {
    var writer = MessageWriter()
    // struct nlattr: the length is without the padding behind it.
    writer.attribute(3, text: "lo")
    writer.attribute(1, [1, 2, 3, 4, 5])
    writer.attribute(2, bigEndian: 258)
    writer.nest(4) { $0.attribute(1, word: 9) }
    #expect(
      writer.bytes
        == bytes(
          """
          07 00 03 00 'lo' 00 00
          09 00 01 00 01 02 03 04 05 00 00 00
          08 00 02 00 00 00 01 02
          0c 00 04 80  08 00 01 00 09 00 00 00
          """))
  }

  @Test func bridge() {
    let mac = MacAddress(value: 0x0242_ac11_0001)
    // struct ifinfomsg (16 zero bytes), IFLA_IFNAME, IFLA_ADDRESS, IFLA_LINKINFO { IFLA_INFO_KIND }.
    #expect(
      message(RouteType.newLink, [.request, .acknowledge, .create, .exclusive]) { $0.bridge(name: "br", mac: mac) }
        == bytes(
          """
          44 00 00 00  10 00  05 06  07 00 00 00  00 00 00 00
          00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
          07 00 03 00 'br' 00 00
          0a 00 01 00 02 42 ac 11 00 01 00 00
          10 00 12 80  0b 00 01 00 'bridge' 00 00
          """))
  }

  @Test func vethWithItsPeerInAnotherNamespace() {
    let pair = VethPair(host: "a", bridge: "br", peer: "eth0", peerMac: MacAddress(value: 0x0242_0a00_0002))
    // The outer ifinfomsg has IFF_UP set and changed; the peer's is empty, with IFLA_NET_NS_FD 5. Each end has one queue.
    #expect(
      message(RouteType.newLink, .request) {
        $0.veth(pair, bridgeIndex: 3, namespace: BorrowedDescriptor(rawValue: 5))
      }
        == bytes(
          """
          98 00 00 00  10 00  01 00  07 00 00 00  00 00 00 00
          00 00 00 00  00 00 00 00  01 00 00 00  01 00 00 00
          06 00 03 00 'a' 00 00 00
          08 00 0a 00 03 00 00 00
          08 00 1f 00 01 00 00 00
          08 00 20 00 01 00 00 00
          58 00 12 80
            09 00 01 00 'veth' 00 00 00 00
            48 00 02 80
              44 00 01 80
                00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00
                09 00 03 00 'eth0' 00 00 00 00
                0a 00 01 00 02 42 0a 00 00 02 00 00
                08 00 1c 00 05 00 00 00
                08 00 1f 00 01 00 00 00
                08 00 20 00 01 00 00 00
          """))
  }

  @Test func addressAndRoute() {
    // struct ifaddrmsg: AF_INET, /24, no flags, scope universe, index 4; IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST.
    #expect(
      message(RouteType.newAddress, .request) { $0.address(IPv4Prefix(IPv4Address(10, 0, 0, 2), length: 24), index: 4) }
        == bytes(
          """
          30 00 00 00  14 00  01 00  07 00 00 00  00 00 00 00
          02 18 00 00  04 00 00 00
          08 00 02 00 0a 00 00 02
          08 00 01 00 0a 00 00 02
          08 00 04 00 0a 00 00 ff
          """))
    // struct rtmsg: AF_INET, no destination, table main, protocol boot, scope universe, unicast; RTA_GATEWAY, RTA_OIF.
    #expect(
      message(RouteType.newRoute, .request) { $0.defaultRoute(gateway: IPv4Address(10, 0, 0, 1), index: 4) }
        == bytes(
          """
          2c 00 00 00  18 00  01 00  07 00 00 00  00 00 00 00
          02 00 00 00  fe 03 00 01  00 00 00 00
          08 00 05 00 0a 00 00 01
          08 00 04 00 04 00 00 00
          """))
  }

  @Test func moveIntoAnotherNamespace() {
    // struct ifinfomsg with the index only; IFLA_IFNAME, IFLA_NET_NS_FD.
    #expect(
      message(RouteType.newLink, [.request, .acknowledge]) {
        $0.move(index: 4, namespace: BorrowedDescriptor(rawValue: 5), name: "in0")
      }
        == bytes(
          """
          30 00 00 00  10 00  05 00  07 00 00 00  00 00 00 00
          00 00 00 00  04 00 00 00  00 00 00 00  00 00 00 00
          08 00 03 00 'in0' 00
          08 00 1c 00 05 00 00 00
          """))
  }

  @Test func addressesAreKept() throws {
    // struct ifaddrmsg: AF_INET6, /64, IFA_F_PERMANENT, scope universe, index 3; IFA_ADDRESS, IFA_CACHEINFO,
    // IFA_FLAGS: IFA_F_NOPREFIXROUTE|IFA_F_PERMANENT|IFA_F_TENTATIVE.
    let told = bytes(
      """
      0a 40 80 00  03 00 00 00
      14 00 01 00 fd 00 00 99 00 00 00 00 00 00 00 00 00 00 00 01
      14 00 06 00 ff ff ff ff ff ff ff ff 00 00 00 00 00 00 00 00
      08 00 08 00 c0 02 00 00
      """)
    func kept(_ change: (inout [UInt8]) -> Void = { _ in }) throws -> KeptAddress? {
      var payload = told
      change(&payload)
      return try KeptAddress(Message(type: 20, flags: 0, sequence: 7, payload: payload[...]), of: 3)
    }
    let address = try #require(try kept())
    #expect(address.description == "fd00:99:0:0:0:0:0:1/64")
    #expect(
      message(RouteType.newAddress, .request) { $0.address(address, index: 9) }
        == bytes(
          """
          34 00 00 00  14 00  01 00  07 00 00 00  00 00 00 00
          0a 40 00 00  09 00 00 00
          14 00 01 00 fd 00 00 99 00 00 00 00 00 00 00 00 00 00 00 01
          08 00 08 00 00 02 00 00
          """))
    // Not permanent; of the link's own scope; on another link; of another family.
    #expect(try kept { $0[52] = 0 } == nil)
    #expect(try kept { $0[3] = 253 } == nil)
    #expect(try kept { $0[4] = 4 } == nil)
    #expect(try kept { $0[0] = 28 } == nil)
    #expect(throws: Fault.self) { try kept { $0.removeLast($0.count - 7) } }
  }

  @Test func acknowledgements() throws {
    // NLMSG_ERROR, NLM_F_CAPPED|NLM_F_ACK_TLVS: -EEXIST, the request's header, NLMSGERR_ATTR_MSG.
    let refused = bytes(
      """
      34 00 00 00  02 00  00 03  07 00 00 00  00 00 00 00
      ef ff ff ff   44 00 00 00  10 00  05 06  07 00 00 00  00 00 00 00
      0e 00 01 00 'it' 20 'is' 20 'here' 00 00
      """)
    let message = try #require(try parseMessages(refused[...]).first)
    let fault = try #require(acknowledgement(message))
    #expect(fault.errno == .exists && fault.hint == "the kernel says: it is here")

    let done =
      bytes("24 00 00 00  02 00  00 01  07 00 00 00  00 00 00 00   00 00 00 00")
      + bytes(
        "10 00 00 00  10 00  05 00  07 00 00 00  00 00 00 00")
    #expect(acknowledgement(try #require(try parseMessages(done[...]).first)) == nil)
    // An error number that no kernel has, and an answer too short to hold one.
    #expect(acknowledgement(Message(type: 2, flags: 0, sequence: 7, payload: [1, 0, 0, 0]))?.errno == .badMessage)
    #expect(acknowledgement(Message(type: 2, flags: 0, sequence: 7, payload: [1]))?.errno == .badMessage)
  }

  @Test(arguments: [
    "0f 00 00 00  12 00 00 00 07 00 00 00 00 00 00 00",  // shorter than its header
    "11 00 00 00  12 00 00 00 07 00 00 00 00 00 00 00",  // longer than the datagram
    "ff ff ff ff  12 00 00 00 07 00 00 00 00 00 00 00",
    "10 00 00 00  12 00 00 00 07 00 00 00 00 00 00 00 00 00",  // a tail that is no message
  ])
  func brokenDatagramsAreRefused(text: String) {
    let datagram = bytes(text)
    #expect(throws: Fault.self) { try parseMessages(datagram[...]) }
  }

  @Test(arguments: ["03 00 01 00", "09 00 01 00 00 00 00 00", "00 00 00 00", "ff ff 01 00 01"])
  func brokenAttributesAreRefused(text: String) {
    let payload = bytes(text)
    #expect(throws: Fault.self) { try parseAttributes(payload[...]) }
  }

  /// Whatever comes, it is an object, nothing or a fault; never a crash.
  @Test func hostileRepliesAreHarmless() throws {
    var generator = Xorshift(state: 0x1234_5678_9abc_def1)
    var good = MessageWriter()
    good.message(16, .request, sequence: 1) {
      $0.linkHeader(index: 4, isUp: true)
      $0.attribute(LinkAttribute.name, text: "eth0")
      $0.nest(LinkAttribute.information) { $0.attribute(LinkAttribute.kind, text: "veth") }
    }
    good.message(24, .request, sequence: 1) { $0.defaultRoute(gateway: IPv4Address(1, 2, 3, 4), index: 3) }
    var understood = 0
    for _ in 0..<50_000 {
      var datagram = good.bytes
      for _ in 0..<Int.random(in: 0...6, using: &generator) {
        datagram[Int.random(in: datagram.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      datagram.removeLast(Int.random(in: 0...3, using: &generator) == 0 ? Int.random(in: 0..<40, using: &generator) : 0)
      guard let messages = try? parseMessages(datagram[...]) else { continue }
      for message in messages {
        if (try? Link(message)) != nil { understood += 1 }
        if let route = try? Route(message), route != nil { understood += 1 }
        if let address = try? LinkAddress(message), address != nil { understood += 1 }
        if let address = try? KeptAddress(message, of: 4) { understood += address.description.isEmpty ? 0 : 1 }
        _ = acknowledgement(message)
      }
    }
    #expect(understood > 1000)
  }
}

private struct Xorshift: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
