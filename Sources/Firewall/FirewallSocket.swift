package import Kernel
package import Steps
internal import Netlink

/// The tables of one network namespace.
package struct FirewallSocket: ~Copyable {
  private var socket: NetlinkSocket

  /// Of the namespace that the caller is in now; the socket stays there.
  package init() throws(Fault) {
    socket = try NetlinkSocket(.netfilter)
    if Self.lingering.update({ $0 > 0 }) { linger() }
  }

  /// Sockets of this process that stay open until its end.
  private static let lingering = Monitor(0)

  /// The last close of any socket like this waits until the kernel is rid of what a transaction took away: an RCU grace period,
  /// some 10 ms (nft_rcv_nl_event in nf_tables_api.c). Nobody waits for the end of a process, so after such a transaction they
  /// are left to it; the first few, of a process that goes on and on.
  private func linger() {
    if Self.lingering.update({ (count: inout Int) -> Int in
      count += 1
      return count
    }) <= 8 {
      socket.lingerUntilExit()
    }
  }

  /// All of the change or nothing of it. A transaction that another one overtook is sent again.
  package mutating func apply(_ change: FirewallChange) throws(Fault) {
    var attempts = 0
    while true {
      attempts += 1
      do throws(Fault) {
        try socket.transaction("nf_tables", about: "table inet \(change.table), \(change.operations.count) operations")
        {
          $0.transaction(change, first: $1)
        }
        if change.takesAway { linger() }
        return
      } catch {
        // EAGAIN, ERESTART: modules were loaded, or another table's transaction came in between; nothing was applied.
        let passes = error.errno == .again || error.errno.rawValue == 85 || error.errno == .noBufferSpace
        if !passes || attempts == 16 { throw explained(error) }
      }
    }
  }

  /// The number of the rule set: another one after every change of any table.
  package mutating func generation() throws(Fault) -> UInt32 {
    let replies: [Message]
    do throws(Fault) {
      replies = try socket.request("NFT_MSG_GETGEN", TableType.getGeneration, about: "") { $0.tableHeader(family: 0) }
    } catch { throw explained(error) }
    for reply in replies {
      for attribute in try parseAttributes(reply.payload.dropFirst(4)) where attribute.type == 1 {
        if let value = attribute.payload.word(at: 0) { return value.byteSwapped }
      }
    }
    throw Fault("NFT_MSG_GETGEN", .badMessage)
  }

  /// A number that stands for all that the kernel says of the table: chains, rules, sets, elements. Equal when nothing was
  /// changed; nil when there is no table.
  package mutating func fingerprint(of table: String, sets: [String]) throws(Fault) -> UInt64? {
    var hash = FingerPrint()
    var count = 0
    do throws(Fault) {
      for (name, type) in [("NFT_MSG_GETCHAIN", TableType.getChain), ("NFT_MSG_GETSET", TableType.getSet)] {
        // The dump of chains knows no filter by table.
        for message in try dump(name, type, { if type != TableType.getChain { $0.attribute(1, text: table) } }) {
          let owner = try parseAttributes(message.payload.dropFirst(4)).first { $0.type == 1 }?.payload.text
          if owner == table {
            count += 1
            hash.combine(message.payload.dropFirst(4))
          }
        }
      }
      guard count > 0 else { return nil }
      for message in try dump("NFT_MSG_GETRULE", TableType.getRule, { $0.attribute(1, text: table) }) {
        hash.combine(message.payload.dropFirst(4))
      }
      for set in sets {
        let messages = try dump("NFT_MSG_GETSETELEM", TableType.getElements) {
          $0.attribute(1, text: table)
          $0.attribute(2, text: set)
        }
        for message in messages { hash.combine(message.payload.dropFirst(4)) }
      }
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
    return hash.value
  }

  mutating func dump(
    _ name: String, _ type: UInt16, family: UInt8 = inetFamily, _ body: (inout MessageWriter) -> Void
  ) throws(Fault) -> [Message] {
    do throws(Fault) {
      return try socket.dump("NFT_MSG_GET", type) {
        $0.tableHeader(family: family)
        body(&$0)
      }
    } catch { throw explained(Fault(operation: name, error.errno, arguments: error.arguments, hint: error.hint)) }
  }

  private func explained(_ fault: Fault) -> Fault {
    var fault = fault
    switch fault.errno {
    // nfnetlink knows no subsystem 10, or the table's family, chain type or an expression is not there.
    case .invalid, .notSupported, .noSuchFile:
      if fault.hint == nil {
        fault.hint =
          "the kernel may lack nf_tables or its NAT parts (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, "
          + "CONFIG_NFT_MASQ, CONFIG_NFT_CT): `modprobe nf_tables nft_chain_nat nft_masq nft_ct`, or run with --network none or host"
      }
    default: break
    }
    return fault
  }
}

/// FNV-1a, 64 bits.
private struct FingerPrint {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325
  mutating func combine(_ bytes: ArraySlice<UInt8>) {
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }
}

/// One step in the network namespace of the caller, firewall rules included.
package func perform(_ step: NetworkStep, container: BorrowedDescriptor? = nil) throws(Fault) {
  guard case .applyFirewall(let change, _) = step else { return try Netlink.perform(step, container: container) }
  var socket = try FirewallSocket()
  try socket.apply(change)
}

extension FirewallChange {
  fileprivate var takesAway: Bool {
    operations.contains {
      switch $0 {
      case .deleteTable, .deleteRule: true
      default: false
      }
    }
  }
}
