internal import Kernel

/// A change to links, addresses, routes or firewall rules, by netlink.
package enum NetworkStep: Hashable, Sendable {
  /// Brings a link up by name in the namespace of the caller: `lo` in a new network namespace.
  case setUp(String)
  case deleteLink(String)

  var undo: NetworkStep? { nil }
}
