internal import Netlink
internal import Steps

// A rule is a list of expressions that pass values through registers: load, compare or look up, and at the end a verdict.

extension MessageWriter {
  mutating func rule(_ rule: FirewallRule) {
    nest(4) {
      for match in rule.matches { $0.match(match) }
      $0.verdict(rule.verdict)
    }
    if !rule.comment.isEmpty {
      // What nft(8) shows as comment: type 0, length with the NUL, text.
      let text = Array(rule.comment.utf8.prefix(127)) + [0]
      attribute(7, [0, UInt8(text.count)] + text)
    }
  }

  private mutating func match(_ match: FirewallRule.Match) {
    switch match {
    case .input(let set): link(.inputName, isIn: set)
    case .inputNot(let set): link(.inputName, isIn: set, isInverted: true)
    case .inputIs(let name): link(.inputName, isCalled: name)
    case .output(let set): link(.outputName, isIn: set)
    case .outputNot(let set): link(.outputName, isIn: set, isInverted: true)
    case .outputIs(let name): link(.outputName, isCalled: name)
    case .path(let set):
      loadMeta(.inputName, into: firstRegister)
      loadMeta(.outputName, into: secondRegister)
      lookUp(set)
    case .callerNot(let set): caller(.v4, isNotIn: set, byLink: false)
    case .callerByLinkNot(let set): caller(.v4, isNotIn: set, byLink: true)
    case .caller6Not(let set): caller(.v6, isNotIn: set, byLink: false)
    case .caller6ByLinkNot(let set): caller(.v6, isNotIn: set, byLink: true)
    case .answersByExtension:
      expression("match") {
        $0.attribute(1, text: "conntrack")
        $0.attribute(2, bigEndian: 3)
        // struct xt_conntrack_mtinfo3: at 146 what is compared (the state), at 150 the states: established, related.
        var information = [UInt8](repeating: 0, count: 168)
        information[146] = 1
        information[150] = 6
        $0.attribute(3, information)
      }
    case .source(let set): source(.v4, isIn: set)
    case .source6(let set): source(.v6, isIn: set)
    case .isIPv4: isOf(.v4)
    case .isIPv6: isOf(.v6)
    case .notToLoopback6:
      isOf(.v6)
      loadDestination(.v6)
      compare(isEqual: false, [UInt8](repeating: 0, count: 15) + [1])
    case .toThisHost:
      expression("fib") {
        $0.attribute(1, bigEndian: firstRegister)
        $0.attribute(2, bigEndian: 3)  // NFT_FIB_RESULT_ADDRTYPE
        $0.attribute(3, bigEndian: 2)  // NFTA_FIB_F_DADDR
      }
      compare(isEqual: true, [2, 0, 0, 0])  // RTN_LOCAL, a number of the machine's order
    case .toLoopbackFromOutside:
      loadMeta(.inputName, into: firstRegister)
      compare(isEqual: false, interfaceKey("lo"))
      isOf(.v4)
      load(.network, offset: 16, count: 1, into: firstRegister)
      compare(isEqual: true, [127])
    case .fromLoopback:
      isOf(.v4)
      load(.network, offset: 12, count: 1, into: firstRegister)
      compare(isEqual: true, [127])
    case .fromLoopback6:
      isOf(.v6)
      loadSource(.v6)
      compare(isEqual: true, [UInt8](repeating: 0, count: 15) + [1])
    case .translated:
      expression("ct") {
        $0.attribute(1, bigEndian: firstRegister)
        $0.attribute(2, bigEndian: 2)  // NFT_CT_STATUS
      }
      hasAny(of: 32)  // IPS_DST_NAT
    case .establishedOrRelated:
      expression("ct") {
        $0.attribute(1, bigEndian: firstRegister)
        $0.attribute(2, bigEndian: 0)  // NFT_CT_STATE
      }
      hasAny(of: 6)  // bits 1 and 2
    case .destination(let transport, let address, let port): end(16, address, transport, 2, port)
    case .sender(let transport, let address, let port): end(12, address, transport, 0, port)
    }
  }

  private mutating func link(_ name: PacketMeta, isIn set: String, isInverted: Bool = false) {
    loadMeta(name, into: firstRegister)
    lookUp(set, isInverted: isInverted)
  }

  private mutating func link(_ key: PacketMeta, isCalled name: String) {
    loadMeta(key, into: firstRegister)
    compare(isEqual: true, interfaceKey(name))
  }

  private mutating func source(_ family: AddressSet.Family, isIn set: String) {
    isOf(family)
    loadSource(family)
    lookUp(set)
  }

  /// The name of a link takes four registers.
  private mutating func caller(_ family: AddressSet.Family, isNotIn set: String, byLink: Bool) {
    isOf(family)
    if byLink { loadMeta(.inputName, into: firstRegister) }
    loadCaller(family, from: byLink ? 4 : 0)
    lookUp(set, isInverted: true)
  }

  private mutating func verdict(_ verdict: FirewallRule.Verdict) {
    switch verdict {
    case .masquerade: expression("masq") { _ in }
    case .destination(let map, let isByAddress): translate(.v4, by: map, isByAddress: isByAddress)
    case .rewriteDestinationPort(let transport, let port): write(port, at: 2, of: transport)
    case .rewriteSourcePort(let transport, let port): write(port, at: 0, of: transport)
    case .destination6(let map, let isByAddress): translate(.v6, by: map, isByAddress: isByAddress)
    case .accept, .drop:
      expression("immediate") {
        $0.attribute(1, bigEndian: verdictRegister)
        $0.nest(2) { $0.nest(2) { $0.attribute(1, bigEndian: verdict == .accept ? 1 : 0) } }  // NF_ACCEPT, NF_DROP
      }
    }
  }
}
