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

  /// Somebody plays the kernel at the other end.
  init(answeredOver descriptor: consuming Descriptor) { socket = NetlinkSocket(answeredOver: descriptor) }

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

  /// What the kernel says of the table; nil when there is no table.
  package mutating func mark(of table: String, sets: [String]) throws(Fault) -> TableMark? {
    guard let frame = try frameMark(of: table) else { return nil }
    var mark = TableMark(frame: frame, elements: 0)
    do throws(Fault) {
      for set in sets {
        let messages = try dump("NFT_MSG_GETSETELEM", TableType.getElements) {
          $0.attribute(1, text: table)
          $0.attribute(2, text: set)
        }
        for message in messages {
          for list in try parseAttributes(message.payload.dropFirst(4)) where list.type == 3 {
            for item in try parseAttributes(list.payload) {
              mark.elements &+= try SetKey(dumped: parseAttributes(item.payload)).mark(in: set)
            }
          }
        }
      }
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
    return mark
  }

  /// The part of it that elements do not change: chains, sets and rules.
  package mutating func frameMark(of table: String) throws(Fault) -> UInt64? {
    var hash = FingerPrint()
    var count = 0
    do throws(Fault) {
      for (name, type) in [("NFT_MSG_GETCHAIN", TableType.getChain), ("NFT_MSG_GETSET", TableType.getSet)] {
        // The dump of chains knows no filter by table.
        for message in try dump(name, type, { if type != TableType.getChain { $0.attribute(1, text: table) } }) {
          let attributes = try parseAttributes(message.payload.dropFirst(4))
          guard attributes.first(where: { $0.type == 1 })?.payload.text == table else { continue }
          count += 1
          // From NFTA_SET_TYPE on (Linux 6.16) it is how a set is kept, and how much is in it.
          for attribute in attributes where attribute.type < 19 {
            hash.combine([UInt8(truncatingIfNeeded: attribute.type)])
            hash.combine(attribute.payload)
          }
        }
      }
      guard count > 0 else { return nil }
      for message in try dump("NFT_MSG_GETRULE", TableType.getRule, { $0.attribute(1, text: table) }) {
        hash.combine(message.payload.dropFirst(4))
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

/// Numbers that stand for all that is in a table. Equal when nothing was changed.
package struct TableMark: Hashable, Sendable {
  /// Chains, sets, rules, with the kernel's numbers for them: known when the table was made.
  package var frame: UInt64
  /// The sum of what stands for each element, as `FirewallChange.elementMark` has it.
  package var elements: UInt64
  package init(frame: UInt64, elements: UInt64) {
    self.frame = frame
    self.elements = elements
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
      case .deleteTable, .deleteRule, .deleteElements, .deleteEntries: true
      default: false
      }
    }
  }
}
