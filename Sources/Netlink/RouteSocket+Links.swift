package import Kernel

// Of a host's links, of which there may be thousands, those alone that somebody wants: the kernel's whole list is 1.2 KiB for each.

extension RouteSocket {
  /// Nil when there is none of that number.
  package mutating func link(at index: Int32) throws(Fault) -> Link? {
    do throws(Fault) {
      let replies = try socket.request("RTM_GETLINK", RouteType.getLink, about: "link \(index)") {
        $0.linkHeader(index: index)
        $0.attribute(LinkAttribute.extensionMask, word: 8)  // RTEXT_FILTER_SKIP_STATS
      }
      return try replies.first.map { (message) throws(Fault) in try Link(message) }
    } catch {
      if error.errno == .noSuchDevice { return nil }
      throw error
    }
  }

  /// The ports of a bridge, without keeping them: each is shown as it comes, and again where the list changed meanwhile. The
  /// kernel leaves out the others (IFLA_MASTER of a dump).
  package mutating func eachPort(of bridge: Int32, _ visit: (Link) -> Void) throws(Fault) {
    try socket.scan("RTM_GETLINK", RouteType.getLink) {
      $0.linkHeader()
      $0.attribute(LinkAttribute.master, word: UInt32(bitPattern: bridge))
      $0.attribute(LinkAttribute.extensionMask, word: 8)
    } visit: { (message) throws(Fault) in
      visit(try Link(message))
    }
  }
}

/// Some link of the caller's namespace that is one of those; of the list no more is read than it takes to find one.
package func someLink(_ isOne: (Link) -> Bool) throws(Fault) -> Link? {
  var socket = try NetlinkSocket(.route)
  return try socket.first("RTM_GETLINK", RouteType.getLink) {
    $0.linkHeader()
    $0.attribute(LinkAttribute.extensionMask, word: 8)
  } choose: { (message) throws(Fault) in
    let link = try Link(message)
    return isOne(link) ? link : nil
  }
}
