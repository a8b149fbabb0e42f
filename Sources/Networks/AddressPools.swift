internal import Kernel

/// The subnets, gateways, ranges and kept addresses of a request, each read and in its place. Docker's rules: a bridge has one
/// subnet of each family, and everything else lies in one of them.
struct AddressPools {
  var subnet: IPv4Prefix?
  var gateway: IPv4Address?
  var range: IPv4Prefix?
  var subnet6: IPv6Prefix?
  var gateway6: IPv6Address?
  var range6: IPv6Prefix?
  var auxiliary: [String: IPAddress] = [:]

  init(_ request: NetworkOptions) throws(NetworkError) {
    for text in request.subnets { try take(subnet: text) }
    for text in request.gateways { try take(gateway: text) }
    for text in request.ranges { try take(range: text) }
    for (name, text) in request.auxiliary.sorted(by: { $0.key < $1.key }) { try take(name, text) }
  }

  private mutating func take(subnet text: String) throws(NetworkError) {
    if let prefix = IPv4Prefix(text) {
      guard subnet == nil else { throw Self.second(text, "IPv4") }
      subnet = try Self.checked(prefix)
    } else if let prefix = IPv6Prefix(text) {
      guard subnet6 == nil else { throw Self.second(text, "IPv6") }
      subnet6 = try Self.checked(prefix)
    } else {
      throw NetworkError(
        .usage, "\"\(text)\" is no subnet",
        hint: "an address and the length of its network part: 10.90.0.0/24, fd00:90::/64")
    }
  }

  private static func second(_ text: String, _ family: String) -> NetworkError {
    NetworkError(
      .usage, "\(text) is a second \(family) subnet, and a network has one of each family",
      hint: "make another network; a container may be on both")
  }

  private static func checked(_ prefix: IPv4Prefix) throws(NetworkError) -> IPv4Prefix {
    guard !prefix.hasHostBits else {
      throw NetworkError(
        .usage, "\(prefix) has bits behind its length", hint: "the network itself is \(prefix.network)")
    }
    guard (8...30).contains(prefix.length) else {
      throw NetworkError(
        .usage, "a subnet of /\(prefix.length) is no use here", hint: "from /8 to /30: /24 has room for 253")
    }
    guard !prefix.address.isUnusableForHosts, !prefix.address.isLoopback else {
      throw NetworkError(
        .usage, "no host can have an address of \(prefix)",
        hint: "a private one: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16")
    }
    return prefix
  }

  private static func checked(_ prefix: IPv6Prefix) throws(NetworkError) -> IPv6Prefix {
    guard !prefix.hasHostBits else {
      throw NetworkError(
        .usage, "\(prefix) has bits behind its length", hint: "the network itself is \(prefix.network)")
    }
    guard (16...126).contains(prefix.length) else {
      throw NetworkError(.usage, "a subnet of /\(prefix.length) is no use here", hint: "from /16 to /126: /64 is usual")
    }
    guard !prefix.address.isMulticast, !prefix.address.isLinkLocal, prefix.address.value >> 96 != 0 else {
      throw NetworkError(
        .usage, "no host can have an address of \(prefix)", hint: "a unique local one, of fd00::/8 (RFC 4193)")
    }
    return prefix
  }

  private mutating func take(gateway text: String) throws(NetworkError) {
    switch IPAddress(text) {
    case .v4(let address):
      guard let subnet else { throw Self.outside("--gateway \(text)", nil) }
      guard subnet.contains(address), address != subnet.first, address != subnet.last else {
        throw NetworkError(
          .usage, "the gateway \(address) is no host of \(subnet)",
          hint: "from \(IPv4Address(value: subnet.first.value + 1)) to \(IPv4Address(value: subnet.last.value - 1))")
      }
      gateway = address
    case .v6(let address):
      guard let subnet6, subnet6.contains(address), address != subnet6.first else {
        throw Self.outside("--gateway \(text)", subnet6?.description)
      }
      gateway6 = address
    case nil: throw NetworkError(.usage, "\"\(text)\" is no address", hint: "the gateway is an address of the subnet")
    }
  }

  private mutating func take(range text: String) throws(NetworkError) {
    if let prefix = IPv4Prefix(text) {
      guard let subnet, subnet.contains(prefix.address), prefix.length >= subnet.length else {
        throw Self.outside("--ip-range \(text)", subnet?.description)
      }
      range = prefix.network
    } else if let prefix = IPv6Prefix(text) {
      guard let subnet6, subnet6.contains(prefix.address), prefix.length >= subnet6.length else {
        throw Self.outside("--ip-range \(text)", subnet6?.description)
      }
      range6 = prefix.network
    } else {
      throw NetworkError(.usage, "\"\(text)\" is no range of addresses", hint: "a part of the subnet: 10.90.0.128/25")
    }
  }

  private mutating func take(_ name: String, _ text: String) throws(NetworkError) {
    guard let address = IPAddress(text) else {
      throw NetworkError(.usage, "\"\(text)\" is no address", hint: "--aux-address NAME=ADDRESS")
    }
    let isInside =
      switch address {
      case .v4(let address): subnet?.contains(address) ?? false
      case .v6(let address): subnet6?.contains(address) ?? false
      }
    guard isInside else { throw Self.outside("--aux-address \(name)=\(text)", nil) }
    auxiliary[name] = address
  }

  private static func outside(_ what: String, _ subnet: String?) -> NetworkError {
    NetworkError(
      .usage, "\(what) is in no subnet of the network",
      hint: subnet.map { "choose in \($0)" } ?? "give the --subnet that it is in")
  }
}
