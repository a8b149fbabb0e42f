package import Kernel
internal import Netlink

/// A chain of somebody else's that drops what it does not know. An accept in one table is no accept in another: a packet
/// passes when every base chain lets it (nft(8), VERDICT STATEMENTS), so no rule of ours can help there.
package struct ForwardObstacle: Hashable, Sendable {
  /// `ip` or `inet`.
  package var family: String
  package var table: String
  package var chain: String

  package init(family: String, table: String, chain: String) {
    self.family = family
    self.table = table
    self.chain = chain
  }
}

extension FirewallSocket {
  /// Every chain through which forwarded IPv4 packets go and that drops by policy; docker, ufw and many routers set that.
  /// firewalld's chain has no such policy and ends in a reject, so it counts by its table's name. What legacy iptables
  /// (not iptables-nft) holds is no table of nf_tables and not seen.
  package mutating func forwardObstacles() throws(Fault) -> [ForwardObstacle] {
    var found: [ForwardObstacle] = []
    // Of all families, whose number is the first byte of the answers.
    for message in try dump("NFT_MSG_GETCHAIN", TableType.getChain, family: 0, { _ in }) {
      guard let family = message.payload.first, let obstacle = try obstacle(message.payload.dropFirst(4), family)
      else { continue }
      found.append(obstacle)
    }
    return found
  }

  private func obstacle(_ payload: ArraySlice<UInt8>, _ family: UInt8) throws(Fault) -> ForwardObstacle? {
    guard family == inetFamily || family == 2 else { return nil }
    var (table, chain, kind) = ("", "", "")
    var hook: UInt32?
    var drops = false
    for attribute in try parseAttributes(payload) {
      switch attribute.type {
      case 1: table = attribute.payload.text
      case 3: chain = attribute.payload.text
      case 4:
        let number = try parseAttributes(attribute.payload).first { $0.type == 1 }
        hook = number?.payload.word(at: 0)?.byteSwapped
      case 5: drops = attribute.payload.word(at: 0) == 0  // NF_DROP
      case 7: kind = attribute.payload.text
      default: break
      }
    }
    guard hook == 2, kind == "filter", drops || table == "firewalld" else { return nil }
    return ForwardObstacle(family: family == 2 ? "ip" : "inet", table: table, chain: chain)
  }
}
