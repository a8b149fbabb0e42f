internal import Kernel
internal import Steps

extension Explanation {
  init(applying change: FirewallChange) {
    let comments = change.operations.compactMap { operation in
      switch operation {
      case .addRule(_, let rule), .insertRule(_, _, let rule): rule.comment.isEmpty ? nil : Trace.clean(rule.comment)
      case .addEntries(let map):
        map.entries.map { "\($0.hostWords) leads to \($0.containerWords)" }.joined(separator: "; ")
      case .deleteEntries(let map):
        map.entries.map { "\($0.hostWords) leads nowhere any more" }.joined(separator: "; ")
      case .addElements(let set), .deleteElements(let set):
        "who may call it, as the host's own firewall has it, is in the set \(Trace.clean(set.name))"
      default: nil
      }
    }
    let table = Trace.clean(change.table)
    let isElements = change.operations.contains {
      switch $0 {
      case .addEntries, .deleteEntries, .addElements, .deleteElements: true
      default: false
      }
    }
    // Ours begins with a table; somebody else's is only added to.
    let isOwn = change.operations.first == .addTable || change.operations.first == .deleteTable
    self.init(
      name: "network.applyFirewall",
      sentence: (isElements
        ? "Change the maps of Skiff's own firewall table \(table), and no rule, in one transaction"
        : isOwn
          ? "Replace Skiff's own firewall table \(table) in one transaction, all or nothing"
          : "Change Skiff's rules in the host's own firewall table \(table)")
        + (comments.isEmpty ? "." : ": " + comments.joined(separator: "; ") + "."),
      calls: [
        "sendmsg(<netlink:netfilter>, {NFNL_MSG_BATCH_BEGIN, \(change.operations.count) messages of nf_tables for table "
          + "\(Trace.string(change.table)), NFNL_MSG_BATCH_END}, 0)"
      ],
      shell: ["nft \(ShellWord(change.script.trimmed))"])
  }
}

extension PortEntry {
  fileprivate var hostWords: String { "\(transport) port \(port)" + (address.map { " of \($0)" } ?? "") }
  fileprivate var containerWords: String { "port \(containerPort) of \(container)" }
}
