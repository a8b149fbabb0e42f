internal import Kernel
internal import Netlink
internal import Steps

// The expressions of nf_tables (linux/netfilter/nf_tables.h) that the rules of Skiff are made of, and the few that always
// stand together.

/// Register of the verdict; the first and the second of the 16-byte ones.
let verdictRegister: UInt32 = 0
let firstRegister: UInt32 = 1
let secondRegister: UInt32 = 2
/// The first of the four-byte registers (NFT_REG32_00 and on), which are the same memory: parts of a concatenation.
private let firstPart: UInt32 = 8

/// enum nft_payload_bases.
enum PacketHeader: UInt32 {
  case network = 1
  case transport = 2
}

/// enum nft_meta_keys.
enum PacketMeta: UInt32 {
  case inputName = 6
  case outputName = 7
  case protocolFamily = 15
  case transport = 16
}

extension AddressSet.Family {
  /// NFPROTO_IPV4, NFPROTO_IPV6.
  fileprivate var number: UInt8 { self == .v4 ? 2 : 10 }
  /// Where its header has the addresses, and how long they are.
  fileprivate var sourceOffset: UInt32 { self == .v4 ? 12 : 8 }
  fileprivate var destinationOffset: UInt32 { self == .v4 ? 16 : 24 }
  fileprivate var addressLength: UInt32 { self == .v4 ? 4 : 16 }
  /// How many four-byte registers one takes.
  fileprivate var parts: UInt32 { addressLength / 4 }
}

// MARK: - One expression

extension MessageWriter {
  mutating func expression(_ name: String, _ body: (inout MessageWriter) -> Void) {
    nest(1) {
      $0.attribute(1, text: name)
      $0.nest(2, body)
    }
  }

  mutating func load(_ header: PacketHeader, offset: UInt32, count: UInt32, into register: UInt32) {
    expression("payload") {
      $0.attribute(1, bigEndian: register)
      $0.attribute(2, bigEndian: header.rawValue)
      $0.attribute(3, bigEndian: offset)
      $0.attribute(4, bigEndian: count)
    }
  }

  mutating func loadMeta(_ key: PacketMeta, into register: UInt32) {
    expression("meta") {
      $0.attribute(2, bigEndian: key.rawValue)
      $0.attribute(1, bigEndian: register)
    }
  }

  mutating func lookUp(_ set: String, isInverted: Bool = false) {
    expression("lookup") {
      $0.attribute(2, bigEndian: firstRegister)
      $0.attribute(1, text: set)
      if isInverted { $0.attribute(5, bigEndian: 1) }  // NFT_LOOKUP_F_INV
    }
  }

  mutating func compare(isEqual: Bool, _ bytes: [UInt8]) {
    expression("cmp") {
      $0.attribute(1, bigEndian: firstRegister)
      $0.attribute(2, bigEndian: isEqual ? 0 : 1)
      $0.nest(3) { $0.attribute(1, bytes) }
    }
  }
}

// MARK: - Several

extension MessageWriter {
  /// In a table of family inet a packet is asked first of which family it is.
  mutating func isOf(_ family: AddressSet.Family) {
    loadMeta(.protocolFamily, into: firstRegister)
    compare(isEqual: true, [family.number])
  }

  /// The first register holds a number, in the machine's order, not packet bytes.
  mutating func hasAny(of bits: UInt8) {
    expression("bitwise") {
      $0.attribute(1, bigEndian: firstRegister)
      $0.attribute(2, bigEndian: firstRegister)
      $0.attribute(3, bigEndian: 4)
      $0.nest(4) { $0.attribute(1, [bits, 0, 0, 0]) }
      $0.nest(5) { $0.attribute(1, [0, 0, 0, 0]) }
    }
    compare(isEqual: false, [0, 0, 0, 0])
  }

  mutating func loadSource(_ family: AddressSet.Family, into register: UInt32 = firstRegister) {
    load(.network, offset: family.sourceOffset, count: family.addressLength, into: register)
  }

  mutating func loadDestination(_ family: AddressSet.Family, into register: UInt32 = firstRegister) {
    load(.network, offset: family.destinationOffset, count: family.addressLength, into: register)
  }

  /// One end of an IPv4 packet's way: the offsets are those of an address and of a port in their headers.
  mutating func end(
    _ addressOffset: UInt32, _ address: IPv4Address, _ transport: PortEntry.Transport, _ portOffset: UInt32,
    _ port: UInt16
  ) {
    isOf(.v4)
    load(.network, offset: addressOffset, count: 4, into: firstRegister)
    compare(isEqual: true, address.bytes)
    loadMeta(.transport, into: firstRegister)
    compare(isEqual: true, [transport.number])
    load(.transport, offset: portOffset, count: 2, into: firstRegister)
    compare(isEqual: true, [UInt8(port >> 8), UInt8(port & 255)])
  }

  /// Source, protocol and destination port, as parts of a concatenation.
  mutating func loadCaller(_ family: AddressSet.Family, from part: UInt32) {
    let register = firstPart + part
    loadSource(family, into: register)
    loadProtocolAndPort(into: register + family.parts)
  }

  private mutating func loadProtocolAndPort(into register: UInt32) {
    loadMeta(.transport, into: register)
    // The ports stand at the same place in tcp, udp and sctp.
    load(.transport, offset: 2, count: 2, into: register + 1)
  }

  /// The port, and with it the sum over the packet.
  mutating func write(_ port: UInt16, at offset: UInt32, of transport: PortEntry.Transport) {
    expression("immediate") {
      $0.attribute(1, bigEndian: firstRegister)
      $0.nest(2) { $0.attribute(1, [UInt8(port >> 8), UInt8(port & 255)]) }
    }
    expression("payload") {
      $0.attribute(5, bigEndian: firstRegister)  // NFTA_PAYLOAD_SREG
      $0.attribute(2, bigEndian: PacketHeader.transport.rawValue)
      $0.attribute(3, bigEndian: offset)
      $0.attribute(4, bigEndian: 2)
      $0.attribute(6, bigEndian: 1)  // NFT_PAYLOAD_CSUM_INET
      $0.attribute(7, bigEndian: transport == .tcp ? 16 : 6)
    }
  }

  /// Destination address, protocol and port are looked up at once; what the map has for them is the new address and port.
  mutating func translate(_ family: AddressSet.Family, by map: String, isByAddress: Bool) {
    var register = firstPart
    // Without an address to load the translation itself asks: it is for one family.
    if isByAddress {
      isOf(family)
      loadDestination(family, into: register)
      register += family.parts
    }
    loadProtocolAndPort(into: register)
    expression("lookup") {
      $0.attribute(2, bigEndian: firstRegister)
      $0.attribute(1, text: map)
      $0.attribute(3, bigEndian: firstRegister)
    }
    expression("nat") {
      $0.attribute(1, bigEndian: 1)  // NFT_NAT_DNAT
      $0.attribute(2, bigEndian: UInt32(family.number))
      $0.attribute(3, bigEndian: firstPart)
      $0.attribute(5, bigEndian: firstPart + family.parts)
    }
  }
}
