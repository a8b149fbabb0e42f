/// The hardware address of an Ethernet link (EUI-48), most significant byte first in the number.
package struct MacAddress: Hashable, Sendable, CustomStringConvertible {
  package var value: UInt64
  package init(value: UInt64) { self.value = value & 0xffff_ffff_ffff }

  /// `02:42:ac:11:00:02`.
  package init?(_ text: some StringProtocol) {
    let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 6, omittingEmptySubsequences: false)
    guard parts.count == 6 else { return nil }
    var value: UInt64 = 0
    for part in parts {
      // UInt8(_:radix:) would take "+f".
      guard part.count == 2, part.first != UInt8(ascii: "+"),
        let octet = UInt8(String(decoding: part, as: UTF8.self), radix: 16)
      else { return nil }
      value = value << 8 | UInt64(octet)
    }
    self.value = value
  }

  package var bytes: [UInt8] { (0..<6).map { UInt8(value >> (40 - 8 * $0) & 255) } }

  /// What docker gives a container: locally administered, with the IPv4 address in it. An address that is leased again
  /// then keeps its hardware address, so no neighbour's ARP entry points nowhere.
  package init(for address: IPv4Address) { value = 0x0242_0000_0000 | UInt64(address.value) }

  package var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
  }
}
