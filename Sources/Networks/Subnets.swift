internal import Kernel
internal import Netlink

/// What a subnet must not collide with: it would take traffic away from there.
struct TakenPrefix: Hashable, Sendable {
  var prefix: IPv4Prefix
  /// `the route 10.0.0.0/8 via 192.168.1.1 dev tun0`
  var holder: String
}

/// Where /24s are taken from: docker's pools, and 10.0.0.0/8 last, where company networks and VPNs are.
let subnetPools = [
  IPv4Prefix(IPv4Address(172, 17, 0, 0), length: 16), IPv4Prefix(IPv4Address(172, 18, 0, 0), length: 15),
  IPv4Prefix(IPv4Address(172, 20, 0, 0), length: 14), IPv4Prefix(IPv4Address(172, 24, 0, 0), length: 13),
  IPv4Prefix(IPv4Address(192, 168, 0, 0), length: 16), IPv4Prefix(IPv4Address(10, 0, 0, 0), length: 8),
]

/// The first free /24; nil when every pool is covered.
func freeSubnet(_ taken: [TakenPrefix], pools: [IPv4Prefix] = subnetPools) -> IPv4Prefix? {
  for pool in pools {
    var next = UInt64(pool.first.value)
    while next <= UInt64(pool.last.value) {
      let candidate = IPv4Prefix(IPv4Address(value: UInt32(next)), length: 24)
      guard let obstacle = taken.first(where: { $0.prefix.overlaps(candidate) }) else { return candidate }
      // Behind whichever is larger, so that a route to 10.0.0.0/8 costs one look and not 65,536.
      next = UInt64(max(obstacle.prefix.last.value, candidate.last.value)) + 1
    }
  }
  return nil
}

/// Everything that a new subnet must stay clear of: routes and addresses of the host (a VPN's are among them), its name
/// servers, and networks of ours whose bridge may not be there now.
func takenPrefixes(networks: [Network], resolvConf: String) throws(Fault) -> [TakenPrefix] {
  var taken: [TakenPrefix] = networks.map { TakenPrefix(prefix: $0.subnet, holder: "network \($0.name)") }
  let bridges = Set(networks.map(\.bridge))
  var socket = try RouteSocket()
  var names: [Int32: String] = [:]
  for link in try socket.links() { names[link.index] = link.name }
  for route in try socket.routes() {
    // A default route, or the halves and quarters that VPN clients write instead, covers everything and takes nothing.
    guard route.destination.length >= 8, !route.destination.address.isUnusableForHosts else { continue }
    let device = route.output.flatMap { names[$0] }
    if let device, bridges.contains(device) { continue }
    taken.append(
      TakenPrefix(
        prefix: route.destination,
        holder: "the route \(route.destination)" + (route.gateway.map { " via \($0)" } ?? "")
          + (device.map { " dev \($0)" } ?? "")))
  }
  for address in try socket.addresses() {
    let device = names[address.index] ?? "\(address.index)"
    if bridges.contains(device) { continue }
    taken.append(TakenPrefix(prefix: address.prefix.network, holder: "the address \(address.prefix) of \(device)"))
  }
  for server in nameServers(in: resolvConf) {
    guard let address = IPv4Address(server), !address.isLoopback else { continue }
    taken.append(TakenPrefix(prefix: IPv4Prefix(address, length: 32), holder: "the name server \(address)"))
  }
  return taken
}

struct TakenPrefix6: Hashable, Sendable {
  var prefix: IPv6Prefix
  var holder: String
}

/// The same of IPv6. What every link has by itself takes nothing: fe80::/10, ff00::/8.
func takenPrefixes6(networks: [Network], routes: Bool) throws(Fault) -> [TakenPrefix6] {
  var taken: [TakenPrefix6] = networks.compactMap { network in
    network.subnet6.map { TakenPrefix6(prefix: $0, holder: "network \(network.name)") }
  }
  guard routes else { return taken }
  let bridges = Set(networks.map(\.bridge))
  var socket = try RouteSocket()
  var names: [Int32: String] = [:]
  for link in try socket.links() { names[link.index] = link.name }
  for route in try socket.routes6() {
    let address = route.destination.address
    guard route.destination.length >= 8, !address.isLinkLocal, !address.isMulticast, !address.isLoopback else {
      continue
    }
    let device = route.output.flatMap { names[$0] }
    if let device, bridges.contains(device) { continue }
    taken.append(
      TakenPrefix6(
        prefix: route.destination.network,
        holder: "the route \(route.destination)" + (route.gateway.map { " via \($0)" } ?? "")
          + (device.map { " dev \($0)" } ?? "")))
  }
  for address in try socket.addresses6() where !address.prefix.address.isLinkLocal && !address.prefix.address.isLoopback
  {
    let device = names[address.index] ?? "\(address.index)"
    if bridges.contains(device) { continue }
    taken.append(TakenPrefix6(prefix: address.prefix.network, holder: "the address \(address.prefix) of \(device)"))
  }
  return taken
}
