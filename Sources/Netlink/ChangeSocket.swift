package import Kernel

/// Hears that something has changed, without asking: the kernel's notifications to one multicast group. What changed is for
/// others to look at, for a burst of notifications may overflow the socket, and then nobody could say.
package struct ChangeSocket: ~Copyable {
  package enum Group: Sendable {
    /// Links that come, go, or are renamed: RTMGRP_LINK (rtnetlink(7)).
    case links
    /// Tables, chains, rules, sets, of everybody: NFNLGRP_NFTABLES (<linux/netfilter/nfnetlink.h>).
    case firewall
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
    // A small buffer: one notification is as good as a thousand.
    try? socket.borrowed.setSocketOption(level: 1, 8, to: 4096)  // SO_RCVBUF
    try socket.borrowed.bind(.netlink(groups: groups))
    descriptor = socket
  }

  /// Readable when something has changed.
  package var borrowed: BorrowedDescriptor { descriptor.borrowed }

  /// Takes what has arrived; true when it was anything, lost notifications among it.
  package func drain() -> Bool {
    var buffer: [UInt8] = [0]
    var isAnything = false
    while true {
      do throws(Fault) {
        // The rest of a datagram that does not fit is dropped.
        _ = try descriptor.borrowed.receive(into: &buffer)
        isAnything = true
      } catch {
        // ENOBUFS tells of an overflow, once.
        guard error.errno == .noBufferSpace else { return isAnything }
        isAnything = true
      }
    }
  }
}
