package import Kernel
internal import Steps

/// Links, addresses and routes of one network namespace.
package struct RouteSocket: ~Copyable {
  var socket: NetlinkSocket
  /// The link that was looked up last: the steps of a container name the same one three times.
  var lastLink: LinkName?

  /// Of the namespace that the caller is in now; the socket stays there.
  package init() throws(Fault) { socket = try NetlinkSocket(.route) }

  /// Somebody plays the kernel at the other end.
  init(answeredOver descriptor: consuming Descriptor) { socket = NetlinkSocket(answeredOver: descriptor) }

  /// Of another namespace, which the calling thread enters for that alone. A namespace that it could not come back from, its own
  /// belonging to others, it does not leave in the first place.
  package init(in namespace: BorrowedDescriptor) throws(Fault) {
    socket = try openSocket(in: namespace)
  }

  /// Nil when there is none by that name.
  package mutating func link(_ name: String) throws(Fault) -> Link? {
    try check(name)
    do throws(Fault) {
      let replies = try socket.request("RTM_GETLINK", RouteType.getLink, about: "\"\(name)\"") {
        $0.linkHeader()
        $0.attribute(LinkAttribute.name, text: name)
        $0.attribute(LinkAttribute.extensionMask, word: 8)  // RTEXT_FILTER_SKIP_STATS
      }
      return try replies.first.map { (message) throws(Fault) in try Link(message) }
    } catch {
      if error.errno == .noSuchDevice { return nil }
      throw error
    }
  }

  package mutating func links() throws(Fault) -> [Link] {
    let messages = try socket.dump("RTM_GETLINK", RouteType.getLink) {
      $0.linkHeader()
      $0.attribute(LinkAttribute.extensionMask, word: 8)
    }
    var links: [Link] = []
    for message in messages { links.append(try Link(message)) }
    return links
  }

  /// IPv4 addresses of one link, or of all.
  package mutating func addresses(of index: Int32? = nil) throws(Fault) -> [LinkAddress] {
    let messages: [Message]
    do throws(Fault) {
      messages = try socket.dump("RTM_GETADDR", RouteType.getAddress) { $0.addressHeader(index: index ?? 0) }
    } catch {
      // A filter by a link that is gone.
      if error.errno == .noSuchDevice { return [] }
      throw error
    }
    var addresses: [LinkAddress] = []
    for message in messages {
      guard let address = try LinkAddress(message), index == nil || address.index == index else { continue }
      addresses.append(address)
    }
    return addresses
  }

  /// IPv6 addresses of one link, or of all.
  package mutating func addresses6(of index: Int32? = nil) throws(Fault) -> [LinkAddress6] {
    let messages: [Message]
    do throws(Fault) {
      messages = try socket.dump("RTM_GETADDR", RouteType.getAddress) {
        $0.addressHeader(family: ipv6Family, index: index ?? 0)
      }
    } catch {
      if error.errno == .noSuchDevice { return [] }
      throw error
    }
    var addresses: [LinkAddress6] = []
    for message in messages {
      guard let address = try LinkAddress6(message), index == nil || address.index == index else { continue }
      addresses.append(address)
    }
    return addresses
  }

  /// IPv6 routes of all tables.
  package mutating func routes6() throws(Fault) -> [Route6] {
    var routes: [Route6] = []
    for message in try socket.dump("RTM_GETROUTE", RouteType.getRoute, { $0.routeHeader(family: ipv6Family) }) {
      if let route = try Route6(message) { routes.append(route) }
    }
    return routes
  }

  /// IPv4 routes of all tables.
  package mutating func routes() throws(Fault) -> [Route] {
    var routes: [Route] = []
    for message in try socket.dump("RTM_GETROUTE", RouteType.getRoute, { $0.routeHeader() }) {
      if let route = try Route(message) { routes.append(route) }
    }
    return routes
  }

  mutating func index(of link: LinkName) throws(Fault) -> Int32 {
    if let index = link.index { return index }
    if let lastLink, lastLink.name == link.name, let index = lastLink.index { return index }
    guard let found = try self.link(link.name) else {
      throw Fault("RTM_GETLINK", .noSuchDevice, arguments: "\"\(link.name)\"")
    }
    lastLink = LinkName(link.name, index: found.index)
    return found.index
  }

  /// The kernel's rule for names of links (dev_valid_name): it would cut a longer one off without a word.
  func check(_ name: String) throws(Fault) {
    guard isValidLinkName(name) else {
      throw Fault(
        "netlink", .invalid, arguments: "link name \"\(name)\"", hint: "1 to 15 bytes, without spaces, '/' and ':'")
    }
  }
}

package func isValidLinkName(_ name: String) -> Bool {
  (1...15).contains(name.utf8.count) && name != "." && name != ".."
    && name.utf8.allSatisfy { $0 > 32 && $0 != 127 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
}

private func openSocket(in namespace: BorrowedDescriptor) throws(Fault) -> NetlinkSocket {
  let own = try callersNamespace()
  try joinNamespace(own.borrowed, .network)
  try joinNamespace(namespace, .network)
  var socket: NetlinkSocket? = nil
  var failure: Fault?
  do throws(Fault) { socket = try NetlinkSocket(.route) } catch { failure = error }
  try joinNamespace(own.borrowed, .network)
  guard let socket = socket.take() else { throw failure ?? Fault("socket", .invalid) }
  return socket
}
