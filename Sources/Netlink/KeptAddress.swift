internal import Kernel

/// An address of either family as it is put on a link once more: with its prefix, its peer, its broadcast address, the metric of
/// its route and those flags that somebody has chosen. Its label is not kept, for it begins with the name of the link.
struct KeptAddress: Sendable {
  var family: UInt8
  var prefixLength: UInt8
  var flags: UInt32
  var attributes: [(type: UInt16, payload: [UInt8])]

  /// IFA_F_PERMANENT.
  private static let permanent: UInt32 = 0x80
  /// IFA_F_NODAD, _HOMEADDRESS, _MANAGETEMPADDR, _NOPREFIXROUTE, _MCAUTOJOIN. The others tell a state.
  private static let chosen: UInt32 = 0x02 | 0x10 | 0x100 | 0x200 | 0x400
  private static let keptAttributes = [
    AddressAttribute.address, AddressAttribute.local, AddressAttribute.broadcast, AddressAttribute.routePriority,
  ]
}

extension KeptAddress {
  /// Nil unless it is one to keep: on that link, "permanent … of any family with global scope" (config-linux.md, "Network
  /// Devices"). One with a lifetime was given by a router or a lease of the network that is left.
  init?(_ message: Message, of index: Int32) throws(Fault) {
    // struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index.
    let payload = message.payload
    guard let family = payload.byte(at: 0), let length = payload.byte(at: 1), let flags = payload.byte(at: 2),
      let scope = payload.byte(at: 3), let link = payload.word(at: 4)
    else { throw Fault("netlink", .badMessage, arguments: "an address of \(payload.count) bytes") }
    guard family == ipv4Family || family == ipv6Family, Int32(bitPattern: link) == index, scope == 0 else { return nil }
    let attributes = try parseAttributes(payload.dropFirst(8))
    let wide = attributes.first { $0.type == AddressAttribute.flags }?.payload.word(at: 0) ?? UInt32(flags)
    guard wide & Self.permanent != 0 else { return nil }
    self.init(
      family: family, prefixLength: length, flags: wide & Self.chosen,
      attributes: attributes.filter { Self.keptAttributes.contains($0.type) }.map { ($0.type, Array($0.payload)) })
  }
}

extension KeptAddress: CustomStringConvertible {
  /// For an error: `10.0.0.1/24`, or the bytes of an IPv6 address in pairs.
  var description: String {
    let bytes = (attributes.first { $0.type == AddressAttribute.local } ?? attributes.first)?.payload ?? []
    if let address = IPv4Address(bytes: bytes) { return "\(address)/\(prefixLength)" }
    let groups = stride(from: 0, to: bytes.count - 1, by: 2).map {
      String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16)
    }
    return groups.joined(separator: ":") + "/\(prefixLength)"
  }
}
