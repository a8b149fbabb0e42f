package import Kernel

// What rtnetlink answers with.

package struct Link: Hashable, Sendable {
  package var index: Int32
  package var name: String
  package var isUp: Bool
  /// `bridge`, `veth`, …; nil for hardware and the loopback.
  package var kind: String?
  /// The index of the bridge that it is a port of.
  package var master: Int32?
  package var mac: MacAddress?
  package var mtu: UInt32
}

package struct LinkAddress: Hashable, Sendable {
  package var index: Int32
  package var prefix: IPv4Prefix
}

package struct Route: Hashable, Sendable {
  package var destination: IPv4Prefix
  package var gateway: IPv4Address?
  /// The link that packets leave by; nil for a route that refuses, or that has several ways.
  package var output: Int32?
  package var table: UInt32
  /// RTN_*: 1 unicast, 2 local, 3 broadcast, 6 blackhole, …
  package var type: UInt8
}

extension Link {
  init(_ message: Message) throws(Fault) {
    let payload = message.payload
    guard payload.count >= 16, let index = payload.word(at: 4), let flags = payload.word(at: 8) else {
      throw Fault("netlink", .badMessage, arguments: "a link of \(payload.count) bytes")
    }
    self.index = Int32(bitPattern: index)
    isUp = flags & upFlag != 0
    name = ""
    mtu = 0
    for attribute in try parseAttributes(payload.dropFirst(16)) {
      switch attribute.type {
      case LinkAttribute.name: name = attribute.payload.text
      case LinkAttribute.mtu: mtu = attribute.payload.word(at: 0) ?? 0
      case LinkAttribute.master: master = attribute.payload.word(at: 0).map { Int32(bitPattern: $0) }
      case LinkAttribute.address where attribute.payload.count == 6:
        mac = MacAddress(value: attribute.payload.reduce(0) { $0 << 8 | UInt64($1) })
      case LinkAttribute.information:
        let inner = try parseAttributes(attribute.payload)
        kind = inner.first { $0.type == LinkAttribute.kind }?.payload.text
      default: break
      }
    }
  }
}

extension LinkAddress {
  /// Nil for another family than IPv4.
  init?(_ message: Message) throws(Fault) {
    let payload = message.payload
    guard payload.count >= 8, let length = payload.byte(at: 1), let index = payload.word(at: 4) else {
      throw Fault("netlink", .badMessage, arguments: "an address of \(payload.count) bytes")
    }
    guard payload.byte(at: 0) == ipv4Family, length <= 32 else { return nil }
    var found: IPv4Address?
    for attribute in try parseAttributes(payload.dropFirst(8)) {
      // IFA_LOCAL is the own address; IFA_ADDRESS is the other side's on a point-to-point link.
      if attribute.type == 2 || (attribute.type == 1 && found == nil) { found = IPv4Address(bytes: attribute.payload) }
    }
    guard let found else { return nil }
    self.init(index: Int32(bitPattern: index), prefix: IPv4Prefix(found, length: length))
  }
}

extension Route {
  /// Nil for another family than IPv4.
  init?(_ message: Message) throws(Fault) {
    let payload = message.payload
    guard payload.count >= 12, let length = payload.byte(at: 1), let type = payload.byte(at: 7) else {
      throw Fault("netlink", .badMessage, arguments: "a route of \(payload.count) bytes")
    }
    guard payload.byte(at: 0) == ipv4Family, length <= 32 else { return nil }
    var destination = IPv4Address(value: 0)
    var route = Route(
      destination: IPv4Prefix(destination, length: 0), table: UInt32(payload.byte(at: 4) ?? 0), type: type)
    for attribute in try parseAttributes(payload.dropFirst(12)) {
      switch attribute.type {
      case 1: destination = IPv4Address(bytes: attribute.payload) ?? destination
      case 4: route.output = attribute.payload.word(at: 0).map { Int32(bitPattern: $0) }
      case 5: route.gateway = IPv4Address(bytes: attribute.payload)
      // RTA_TABLE: the byte in the header holds numbers below 256 only.
      case 15: route.table = attribute.payload.word(at: 0) ?? route.table
      default: break
      }
    }
    route.destination = IPv4Prefix(destination, length: length)
    self = route
  }
}
