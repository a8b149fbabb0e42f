package import Kernel

// The same of IPv6.

package struct LinkAddress6: Hashable, Sendable {
  package var index: Int32
  package var prefix: IPv6Prefix
}

package struct Route6: Hashable, Sendable {
  package var destination: IPv6Prefix
  package var gateway: IPv6Address?
  /// The link that packets leave by; nil for a route that refuses, or that has several ways.
  package var output: Int32?
}

extension LinkAddress6 {
  /// Nil for another family than IPv6.
  init?(_ message: Message) throws(Fault) {
    let payload = message.payload
    guard payload.count >= 8, let length = payload.byte(at: 1), let index = payload.word(at: 4) else {
      throw Fault("netlink", .badMessage, arguments: "an address of \(payload.count) bytes")
    }
    guard payload.byte(at: 0) == ipv6Family, length <= 128 else { return nil }
    var found: IPv6Address?
    for attribute in try parseAttributes(payload.dropFirst(8)) {
      // IFA_LOCAL is there where IFA_ADDRESS is the other side's.
      if attribute.type == AddressAttribute.local || (attribute.type == AddressAttribute.address && found == nil) {
        found = IPv6Address(bytes: attribute.payload)
      }
    }
    guard let found else { return nil }
    self.init(index: Int32(bitPattern: index), prefix: IPv6Prefix(found, length: length))
  }
}

extension Route6 {
  /// Nil for another family than IPv6.
  init?(_ message: Message) throws(Fault) {
    let payload = message.payload
    guard payload.count >= 12, let length = payload.byte(at: 1) else {
      throw Fault("netlink", .badMessage, arguments: "a route of \(payload.count) bytes")
    }
    guard payload.byte(at: 0) == ipv6Family, length <= 128 else { return nil }
    var destination = IPv6Address(value: 0)
    var route = Route6(destination: IPv6Prefix(destination, length: 0))
    for attribute in try parseAttributes(payload.dropFirst(12)) {
      switch attribute.type {
      case 1: destination = IPv6Address(bytes: attribute.payload) ?? destination
      case 4: route.output = attribute.payload.word(at: 0).map { Int32(bitPattern: $0) }
      case 5: route.gateway = IPv6Address(bytes: attribute.payload)
      default: break
      }
    }
    route.destination = IPv6Prefix(destination, length: length)
    self = route
  }
}
