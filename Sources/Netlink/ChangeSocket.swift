package import Kernel

/// Hears that something has changed, without asking: the kernel's notifications to one multicast group. What changed is for
/// others to look at, for a burst of notifications may overflow the socket, and then nobody could say; but who listens may tell
/// links that are to be looked at closely from the many that come and go with containers.
package struct ChangeSocket: ~Copyable {
  package enum Group: Sendable {
    /// Links that come, go, or are renamed: RTMGRP_LINK (rtnetlink(7)).
    case links
    /// Tables, chains, rules, sets, of everybody: NFNLGRP_NFTABLES (<linux/netfilter/nfnetlink.h>).
    case firewall
  }
  /// What has come since it was last asked.
  package enum News: Comparable, Sendable {
    case none
    case some
    /// A link that is to be looked at closely, or notifications were lost: it may have been among them.
    case grave
  }
  private let descriptor: Descriptor

  /// Of the namespace that the caller is in now.
  package init(_ group: Group) throws(Fault) {
    let (family, groups): (NetlinkSocket.Family, UInt32) =
      switch group {
      case .links: (.route, 1)
      case .firewall: (.netfilter, 1 << 6)  // The seventh group, as a bit.
      }
    let socket = try makeSocket(.netlink, .raw, protocol: family.rawValue, nonBlocking: true)
    try socket.borrowed.bind(.netlink(groups: groups))
    descriptor = socket
  }

  /// Readable when something has changed.
  package var borrowed: BorrowedDescriptor { descriptor.borrowed }

  /// Takes what has arrived.
  ///
  /// - Parameter isGrave: of a link, as it is after its change.
  package func drain(_ isGrave: (Link) -> Bool = { _ in false }) -> News {
    // One link with its statistics and the addresses' settings is some 1.5 KiB.
    var buffer = [UInt8](repeating: 0, count: 4096)
    var news = News.none
    while true {
      do throws(Fault) {
        let count = try descriptor.borrowed.receive(into: &buffer)
        news = max(news, Self.news(in: buffer.prefix(count), isGrave))
      } catch {
        // ENOBUFS tells of an overflow, once.
        guard error.errno == .noBufferSpace else { return news }
        news = .grave
      }
    }
  }

  private static func news(in datagram: ArraySlice<UInt8>, _ isGrave: (Link) -> Bool) -> News {
    do throws(Fault) {
      for message in try parseMessages(datagram) where message.type == RouteType.newLink {
        if isGrave(try Link(message)) { return .grave }
      }
      return .some
    } catch { return .grave }  // One that did not fit into the buffer was cut.
  }
}
