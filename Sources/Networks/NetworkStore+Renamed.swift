internal import Kernel
package import Netlink
internal import Steps

// A link's name is anybody's to change: an administrator, a rule of udev. Its hardware address stays, so ours are found by that:
// a cable's has its name in it once more, a bridge's comes from the network's gateway.

extension MacAddress {
  /// Of the host's end of a cable, made from its name, `skMMMMIIIIIIIIN`: the network's number (which is never 0, so that no
  /// container's address is the same), half of the store's mark, and the container. Nil for another name.
  init?(ofCable name: String) {
    let digits = Array(name.utf8.dropFirst(2))
    func number(_ range: Range<Int>, _ radix: Int) -> UInt64? {
      UInt64(String(decoding: digits[range], as: UTF8.self), radix: radix)
    }
    guard name.hasPrefix("sk"), digits.count == 13, let mark = number(2..<4, 16), let container = number(4..<12, 16),
      let interface = number(12..<13, 36)
    else { return nil }
    // The two lowest bits of the first byte: locally administered, and of one link.
    self.init(value: ((interface + 1) << 2 | 2) << 40 | mark << 32 | container)
  }
}

extension NetworkStore {
  struct RenamedCable {
    var link: Link
    /// What it ought to be called.
    var name: String
  }

  /// Cables that have another name than they were laid with. One whose own name somebody else's link has by now is not
  /// among them: it stays as it is.
  func renamedCables(_ names: [String]) throws(Fault) -> [RenamedCable] {
    var expected: [MacAddress: String] = [:]
    for name in names { if let mac = MacAddress(ofCable: name) { expected[mac] = name } }
    guard !expected.isEmpty else { return [] }
    var taken: Set<String> = []
    var found: [RenamedCable] = []
    var socket = try RouteSocket()
    for link in try socket.links() {
      taken.insert(link.name)
      guard link.kind == "veth", let mac = link.mac, let name = expected[mac], link.name != name else { continue }
      found.append(RenamedCable(link: link, name: name))
    }
    return found.filter { !taken.contains($0.name) }
  }

  /// The quick look, which keeps nothing. Looked at are the bridge's own ports, however many other links the host has: a cable
  /// that somebody took out of it leads nowhere under any name.
  func mayHaveRenamedCables(on bridge: Int32, _ socket: inout RouteSocket) throws(Fault) -> Bool {
    var isAny = false
    try socket.eachPort(of: bridge) { if !isAny, mayBeRenamed($0) { isAny = true } }
    return isAny
  }

  /// Whether it is a cable with an address as ours have it under another name. Who has it by chance is told apart by the leases.
  package func mayBeRenamed(_ link: Link) -> Bool {
    guard link.kind == "veth", let mac = link.mac, mac.value >> 32 & 255 == UInt64(mark.suffix(2), radix: 16),
      mac.value >> 40 & 3 == 2, (1...Self.mostInterfaces).contains(Int(mac.value >> 42))
    else { return false }
    return MacAddress(ofCable: link.name) != mac
  }

  /// Of all leases on these networks.
  func cables(on networks: [String]) throws(Fault) -> [String] {
    var names: Set<String> = []
    for network in networks {
      for lease in try readLeases(leases(network)) {
        names.insert(hostLink(container: lease.container, interface: lease.interface))
      }
    }
    return names.sorted()
  }

  /// - Returns: whether any had another.
  func restoreNames(of cables: [String]) throws(Fault) -> Bool {
    var hasRestored = false
    for cable in try renamedCables(cables) {
      do throws(Fault) {
        try Netlink.perform(.rename(LinkName(cable.link.name, index: cable.link.index), to: cable.name))
        hasRestored = true
      } catch {
        // Its container has ended in this moment, or somebody has taken the name.
        guard error.errno == .noSuchDevice || error.errno == .exists else { throw error }
      }
    }
    return hasRestored
  }

  /// A bridge with the network's hardware address and the gateway on it, under a name that is nobody's of ours.
  func renamedBridge(of network: Network) throws(NetworkError) -> Link? {
    guard network.driver == .bridge else { return nil }
    let named = Set(try all().map(\.bridge))
    return try describing("cannot look for the bridge of network \(network.name)") { () throws(Fault) in
      var socket = try RouteSocket()
      for link in try socket.links()
      where link.kind == "bridge" && link.mac == network.mac && !named.contains(link.name) {
        if try socket.addresses(of: link.index).contains(where: { $0.prefix == network.gatewayPrefix }) { return link }
      }
      return nil
    }
  }

  /// In the container's namespace, where the caller is.
  func renamedMacvlan(_ attachment: NetworkAttachment) throws(Fault) -> String? {
    var socket = try RouteSocket()
    return try socket.links().first { $0.kind == "macvlan" && $0.mac == attachment.mac }?.name
  }
}
