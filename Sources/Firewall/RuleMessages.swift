internal import Netlink
internal import Steps

// A rule is a list of expressions that pass values through registers: load, compare or look up, and at the end a verdict.

/// Register of the verdict; the first and the second of the 16-byte ones.
private let verdictRegister: UInt32 = 0
private let firstRegister: UInt32 = 1
private let secondRegister: UInt32 = 2

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
    case .input(let set):
      loadMeta(.inputName, into: firstRegister)
      lookUp(set)
    case .output(let set):
      loadMeta(.outputName, into: firstRegister)
      lookUp(set)
    case .outputNot(let set):
      loadMeta(.outputName, into: firstRegister)
      lookUp(set, isInverted: true)
    case .path(let set):
      loadMeta(.inputName, into: firstRegister)
      loadMeta(.outputName, into: secondRegister)
      lookUp(set)
    case .source(let set):
      // In a table of family inet a packet is asked first whether it is IPv4 at all.
      loadMeta(.protocolFamily, into: firstRegister)
      compare(isEqual: true, [2])
      expression("payload") {
        $0.attribute(1, bigEndian: firstRegister)
        $0.attribute(2, bigEndian: 1)  // NFT_PAYLOAD_NETWORK_HEADER
        $0.attribute(3, bigEndian: 12)
        $0.attribute(4, bigEndian: 4)
      }
      lookUp(set)
    case .establishedOrRelated:
      expression("ct") {
        $0.attribute(1, bigEndian: firstRegister)
        $0.attribute(2, bigEndian: 0)  // NFT_CT_STATE
      }
      expression("bitwise") {
        $0.attribute(1, bigEndian: firstRegister)
        $0.attribute(2, bigEndian: firstRegister)
        $0.attribute(3, bigEndian: 4)
        // Bits 1 and 2, established and related, in the machine's order: the register holds a number, not packet bytes.
        $0.nest(4) { $0.attribute(1, [6, 0, 0, 0]) }
        $0.nest(5) { $0.attribute(1, [0, 0, 0, 0]) }
      }
      compare(isEqual: false, [0, 0, 0, 0])
    }
  }

  private mutating func verdict(_ verdict: FirewallRule.Verdict) {
    switch verdict {
    case .masquerade: expression("masq") { _ in }
    case .accept, .drop:
      expression("immediate") {
        $0.attribute(1, bigEndian: verdictRegister)
        $0.nest(2) { $0.nest(2) { $0.attribute(1, bigEndian: verdict == .accept ? 1 : 0) } }  // NF_ACCEPT, NF_DROP
      }
    }
  }

  /// enum nft_meta_keys.
  private enum Meta: UInt32 {
    case inputName = 6
    case outputName = 7
    case protocolFamily = 15
  }

  private mutating func loadMeta(_ key: Meta, into register: UInt32) {
    expression("meta") {
      $0.attribute(2, bigEndian: key.rawValue)
      $0.attribute(1, bigEndian: register)
    }
  }

  private mutating func lookUp(_ set: String, isInverted: Bool = false) {
    expression("lookup") {
      $0.attribute(2, bigEndian: firstRegister)
      $0.attribute(1, text: set)
      if isInverted { $0.attribute(5, bigEndian: 1) }  // NFT_LOOKUP_F_INV
    }
  }

  private mutating func compare(isEqual: Bool, _ bytes: [UInt8]) {
    expression("cmp") {
      $0.attribute(1, bigEndian: firstRegister)
      $0.attribute(2, bigEndian: isEqual ? 0 : 1)
      $0.nest(3) { $0.attribute(1, bytes) }
    }
  }

  private mutating func expression(_ name: String, _ body: (inout MessageWriter) -> Void) {
    nest(1) {
      $0.attribute(1, text: name)
      $0.nest(2, body)
    }
  }
}
