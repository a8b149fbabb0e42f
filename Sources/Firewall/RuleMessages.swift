internal import Kernel
internal import Netlink
internal import Steps

// A rule is a list of expressions that pass values through registers: load, compare or look up, and at the end a verdict.

/// Register of the verdict; the first and the second of the 16-byte ones.
private let verdictRegister: UInt32 = 0
private let firstRegister: UInt32 = 1
private let secondRegister: UInt32 = 2
/// The four-byte registers that the first one is made of (NFT_REG32_00 and on): parts of a concatenation.
private let firstParts: [UInt32] = [8, 9, 10, 11]

extension MessageWriter {
  mutating func rule(_ rule: FirewallRule) {
    nest(4) {
      for match in rule.matches { $0.match(match) }
      $0.verdict(rule.verdict)
    }
    if !rule.comment.isEmpty {
      // What nft(8) shows as comment: type 0, length with the NUL, text.
      let text = Array(rule.comment.utf8.prefix(127)) + [0]
      attribute(7, [0, UInt8(text.count)] + text)
    }
  }

  private mutating func match(_ match: FirewallRule.Match) {
    switch match {
    case .input(let set):
      loadMeta(.inputName, into: firstRegister)
      lookUp(set)
    case .inputNot(let set):
      loadMeta(.inputName, into: firstRegister)
      lookUp(set, isInverted: true)
    case .inputIs(let name):
      loadMeta(.inputName, into: firstRegister)
      compare(isEqual: true, interfaceKey(name))
    case .outputIs(let name):
      loadMeta(.outputName, into: firstRegister)
      compare(isEqual: true, interfaceKey(name))
    case .callerNot(let set):
      isIPv4()
      loadCaller(from: 0)
      lookUp(set, isInverted: true)
    case .callerByLinkNot(let set):
      isIPv4()
      loadMeta(.inputName, into: firstRegister)
      loadCaller(from: 4)
      lookUp(set, isInverted: true)
    case .caller6Not(let set):
      isIPv6()
      loadCaller6(from: 0)
      lookUp(set, isInverted: true)
    case .caller6ByLinkNot(let set):
      isIPv6()
      loadMeta(.inputName, into: firstRegister)
      loadCaller6(from: 4)
      lookUp(set, isInverted: true)
    case .answersByExtension:
      expression("match") {
        $0.attribute(1, text: "conntrack")
        $0.attribute(2, bigEndian: 3)
        // struct xt_conntrack_mtinfo3: at 146 what is compared (the state), at 150 the states: established, related.
        var information = [UInt8](repeating: 0, count: 168)
        information[146] = 1
        information[150] = 6
        $0.attribute(3, information)
      }
    case .output(let set):
      loadMeta(.outputName, into: firstRegister)
      lookUp(set)
    case .outputNot(let set):
      loadMeta(.outputName, into: firstRegister)
      lookUp(set, isInverted: true)
    case .path(let set):
      loadMeta(.inputName, into: firstRegister)
      loadMeta(.outputName, into: secondRegister)
      lookUp(set)
    case .source(let set):
      isIPv4()
      load(.network, offset: 12, count: 4, into: firstRegister)
      lookUp(set)
    case .source6(let set):
      isIPv6()
      load(.network, offset: 8, count: 16, into: firstRegister)
      lookUp(set)
    case .isIPv4: isIPv4()
    case .isIPv6: isIPv6()
    case .notToLoopback6:
      isIPv6()
      load(.network, offset: 24, count: 16, into: firstRegister)
      compare(isEqual: false, [UInt8](repeating: 0, count: 15) + [1])
    case .toThisHost:
      expression("fib") {
        $0.attribute(1, bigEndian: firstRegister)
        $0.attribute(2, bigEndian: 3)  // NFT_FIB_RESULT_ADDRTYPE
        $0.attribute(3, bigEndian: 2)  // NFTA_FIB_F_DADDR
      }
      compare(isEqual: true, [2, 0, 0, 0])  // RTN_LOCAL, a number of the machine's order
    case .toLoopbackFromOutside:
      loadMeta(.inputName, into: firstRegister)
      compare(isEqual: false, interfaceKey("lo"))
      isIPv4()
      load(.network, offset: 16, count: 1, into: firstRegister)
      compare(isEqual: true, [127])
    case .fromLoopback:
      isIPv4()
      load(.network, offset: 12, count: 1, into: firstRegister)
      compare(isEqual: true, [127])
    case .fromLoopback6:
      isIPv6()
      load(.network, offset: 8, count: 16, into: firstRegister)
      compare(isEqual: true, [UInt8](repeating: 0, count: 15) + [1])
    case .translated:
      expression("ct") {
        $0.attribute(1, bigEndian: firstRegister)
        $0.attribute(2, bigEndian: 2)  // NFT_CT_STATUS
      }
      hasAny(of: 32)  // IPS_DST_NAT
    case .establishedOrRelated:
      expression("ct") {
        $0.attribute(1, bigEndian: firstRegister)
        $0.attribute(2, bigEndian: 0)  // NFT_CT_STATE
      }
      hasAny(of: 6)  // bits 1 and 2
    case .destination(let transport, let address, let port): end(16, address, transport, 2, port)
    case .sender(let transport, let address, let port): end(12, address, transport, 0, port)
    }
  }

  /// One end of a packet's way: the offsets are those of an address and of a port in their headers.
  private mutating func end(
    _ addressOffset: UInt32, _ address: IPv4Address, _ transport: PortEntry.Transport, _ portOffset: UInt32,
    _ port: UInt16
  ) {
    isIPv4()
    load(.network, offset: addressOffset, count: 4, into: firstRegister)
    compare(isEqual: true, address.bytes)
    loadMeta(.transport, into: firstRegister)
    compare(isEqual: true, [transport.number])
    load(.transport, offset: portOffset, count: 2, into: firstRegister)
    compare(isEqual: true, [UInt8(port >> 8), UInt8(port & 255)])
  }

  /// The port, and with it the sum over the packet.
  private mutating func write(_ port: UInt16, at offset: UInt32, of transport: PortEntry.Transport) {
    expression("immediate") {
      $0.attribute(1, bigEndian: firstRegister)
      $0.nest(2) { $0.attribute(1, [UInt8(port >> 8), UInt8(port & 255)]) }
    }
    expression("payload") {
      $0.attribute(5, bigEndian: firstRegister)  // NFTA_PAYLOAD_SREG
      $0.attribute(2, bigEndian: Header.transport.rawValue)
      $0.attribute(3, bigEndian: offset)
      $0.attribute(4, bigEndian: 2)
      $0.attribute(6, bigEndian: 1)  // NFT_PAYLOAD_CSUM_INET
      $0.attribute(7, bigEndian: transport == .tcp ? 16 : 6)
    }
  }

  /// Source, protocol and destination port, as parts of a concatenation.
  private mutating func loadCaller(from part: Int) {
    let register = firstParts[0] + UInt32(part)
    load(.network, offset: 12, count: 4, into: register)
    loadMeta(.transport, into: register + 1)
    load(.transport, offset: 2, count: 2, into: register + 2)
  }

  /// The same of IPv6, whose addresses take four registers.
  private mutating func loadCaller6(from part: Int) {
    let register = firstParts[0] + UInt32(part)
    load(.network, offset: 8, count: 16, into: register)
    loadMeta(.transport, into: register + 4)
    load(.transport, offset: 2, count: 2, into: register + 5)
  }

  /// In a table of family inet a packet is asked first whether it is IPv4 at all.
  private mutating func isIPv4() {
    loadMeta(.protocolFamily, into: firstRegister)
    compare(isEqual: true, [2])
  }

  private mutating func isIPv6() {
    loadMeta(.protocolFamily, into: firstRegister)
    compare(isEqual: true, [10])
  }

  /// The first register holds a number, in the machine's order, not packet bytes.
  private mutating func hasAny(of bits: UInt8) {
    expression("bitwise") {
      $0.attribute(1, bigEndian: firstRegister)
      $0.attribute(2, bigEndian: firstRegister)
      $0.attribute(3, bigEndian: 4)
      $0.nest(4) { $0.attribute(1, [bits, 0, 0, 0]) }
      $0.nest(5) { $0.attribute(1, [0, 0, 0, 0]) }
    }
    compare(isEqual: false, [0, 0, 0, 0])
  }

  /// enum nft_payload_bases.
  private enum Header: UInt32 {
    case network = 1
    case transport = 2
  }

  private mutating func load(_ header: Header, offset: UInt32, count: UInt32, into register: UInt32) {
    expression("payload") {
      $0.attribute(1, bigEndian: register)
      $0.attribute(2, bigEndian: header.rawValue)
      $0.attribute(3, bigEndian: offset)
      $0.attribute(4, bigEndian: count)
    }
  }

  /// Destination address, protocol and port are looked up at once; what the map has for them is the new address and port.
  private mutating func translate(by map: String, isByAddress: Bool) {
    // Without an address to load the translation itself asks: it is for one family.
    if isByAddress { isIPv4() }
    var parts = firstParts[...]
    if isByAddress { load(.network, offset: 16, count: 4, into: parts.removeFirst()) }
    loadMeta(.transport, into: parts.removeFirst())
    // The ports stand at the same place in tcp, udp and sctp.
    load(.transport, offset: 2, count: 2, into: parts.removeFirst())
    expression("lookup") {
      $0.attribute(2, bigEndian: firstRegister)
      $0.attribute(1, text: map)
      $0.attribute(3, bigEndian: firstRegister)
    }
    expression("nat") {
      $0.attribute(1, bigEndian: 1)  // NFT_NAT_DNAT
      $0.attribute(2, bigEndian: 2)  // NFPROTO_IPV4
      $0.attribute(3, bigEndian: firstParts[0])
      $0.attribute(5, bigEndian: firstParts[1])
    }
  }

  /// The same of IPv6, whose addresses take four registers.
  private mutating func translate6(by map: String, isByAddress: Bool) {
    if isByAddress { isIPv6() }
    var register = firstParts[0]
    if isByAddress {
      load(.network, offset: 24, count: 16, into: register)
      register += 4
    }
    loadMeta(.transport, into: register)
    load(.transport, offset: 2, count: 2, into: register + 1)
    expression("lookup") {
      $0.attribute(2, bigEndian: firstRegister)
      $0.attribute(1, text: map)
      $0.attribute(3, bigEndian: firstRegister)
    }
    expression("nat") {
      $0.attribute(1, bigEndian: 1)  // NFT_NAT_DNAT
      $0.attribute(2, bigEndian: 10)  // NFPROTO_IPV6
      $0.attribute(3, bigEndian: firstParts[0])
      $0.attribute(5, bigEndian: firstParts[0] + 4)
    }
  }

  private mutating func verdict(_ verdict: FirewallRule.Verdict) {
    switch verdict {
    case .masquerade: expression("masq") { _ in }
    case .destination(let map, let isByAddress): translate(by: map, isByAddress: isByAddress)
    case .rewriteDestinationPort(let transport, let port): write(port, at: 2, of: transport)
    case .rewriteSourcePort(let transport, let port): write(port, at: 0, of: transport)
    case .destination6(let map, let isByAddress): translate6(by: map, isByAddress: isByAddress)
    case .accept, .drop:
      expression("immediate") {
        $0.attribute(1, bigEndian: verdictRegister)
        $0.nest(2) { $0.nest(2) { $0.attribute(1, bigEndian: verdict == .accept ? 1 : 0) } }  // NF_ACCEPT, NF_DROP
      }
    }
  }

  /// enum nft_meta_keys.
  private enum Meta: UInt32 {
    case inputName = 6
    case outputName = 7
    case protocolFamily = 15
    case transport = 16
  }

  private mutating func loadMeta(_ key: Meta, into register: UInt32) {
    expression("meta") {
      $0.attribute(2, bigEndian: key.rawValue)
      $0.attribute(1, bigEndian: register)
    }
  }

  private mutating func lookUp(_ set: String, isInverted: Bool = false) {
    expression("lookup") {
      $0.attribute(2, bigEndian: firstRegister)
      $0.attribute(1, text: set)
      if isInverted { $0.attribute(5, bigEndian: 1) }  // NFT_LOOKUP_F_INV
    }
  }

  private mutating func compare(isEqual: Bool, _ bytes: [UInt8]) {
    expression("cmp") {
      $0.attribute(1, bigEndian: firstRegister)
      $0.attribute(2, bigEndian: isEqual ? 0 : 1)
      $0.nest(3) { $0.attribute(1, bytes) }
    }
  }

  private mutating func expression(_ name: String, _ body: (inout MessageWriter) -> Void) {
    nest(1) {
      $0.attribute(1, text: name)
      $0.nest(2, body)
    }
  }
}
