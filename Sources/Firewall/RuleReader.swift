internal import Kernel
internal import Netlink

// A rule as the kernel dumps it is a list of expressions that pass values through registers. Read back, it is a list of
// tests and what becomes of a packet that passes them.

/// What each register of four bytes holds, or begins to hold.
struct RuleReader {
  private var registers: [UInt32: HostRules.Field] = [:]
  private(set) var rule = HostRules.Rule()

  /// The sixteen-byte registers are four of the small ones each.
  private func small(_ register: UInt32) -> UInt32 { register < 8 && register > 0 ? 8 + (register - 1) * 4 : register }

  mutating func read(_ expressions: ArraySlice<UInt8>) throws(Fault) {
    for item in try parseAttributes(expressions) where item.type == 1 {
      var (name, data) = ("", ArraySlice<UInt8>())
      for part in try parseAttributes(item.payload) {
        if part.type == 1 { name = part.payload.text }
        if part.type == 2 { data = part.payload }
      }
      try read(name, Attributes(data))
    }
  }

  private mutating func read(_ name: String, _ data: Attributes) throws(Fault) {
    switch name {
    case "meta":
      guard let key = data.number(2), let register = data.number(1) else { return }  // Without one, it sets the mark.
      let fields: [UInt32: HostRules.Field] = [
        1: .etherType, 3: .mark, 4: .inputIndex, 5: .outputIndex, 6: .input, 7: .output, 15: .family, 16: .transport,
      ]
      registers[small(register)] = fields[key] ?? .unknown
    case "payload":
      guard let register = data.number(1) else { return }
      registers[small(register)] = payload(data)
    case "ct":
      guard let register = data.number(1) else { return }
      registers[small(register)] = data.number(2) == 0 ? .state : data.number(2) == 2 ? .status : .unknown
    case "fib":
      guard let register = data.number(1) else { return }
      // Of the destination, its type; the reverse path holds for whoever sends from where he is.
      registers[small(register)] = data.number(2) == 3 && data.number(3) == 2 ? .addressType : .unknown
    case "bitwise":
      guard let from = data.number(1), let to = data.number(2) else { return }
      let field = registers[small(from)] ?? .unknown
      if let mask = try data.value(4), let xor = try data.value(5) {
        registers[small(to)] = .masked(field, mask: mask, xor: xor)
      } else {
        registers[small(to)] = .unknown
      }
    case "cmp":
      let field = registers[small(data.number(1) ?? 0)] ?? .unknown
      if let operation = HostRules.Operator(rawValue: data.number(2) ?? 99), let value = try data.value(3) {
        rule.tests.append(.compare(field, operation, value))
      } else {
        rule.tests.append(.unknown)
      }
    case "range":
      let field = registers[small(data.number(1) ?? 0)] ?? .unknown
      if let lower = try data.value(3), let upper = try data.value(4) {
        rule.tests.append(.range(field, Ends(lower: lower, upper: upper), isInverted: data.number(2) == 1))
      } else {
        rule.tests.append(.unknown)
      }
    case "lookup": try readLookup(data)
    case "immediate": try readVerdict(data)
    case "reject", "queue", "tproxy": end(.drop)
    case "match":
      rule.tests.append(contentsOf: extensionTests(data.text(1), Array(data.bytes(3) ?? [])))
    case "target": if data.text(1) == "REJECT" || data.text(1) == "DROP" { end(.drop) }
    // `over` a rate: somebody who calls now and then is not.
    case "limit": if (data.number(5) ?? 0) & 1 == 1 { rule.tests.append(.known(false)) }
    case "connlimit", "quota": if (data.number(2) ?? 0) & 1 == 1 { rule.tests.append(.known(false)) }
    case "counter", "log", "dynset", "notrack", "last", "objref", "flow_offload": break
    default: rule.tests.append(.unknown)
    }
  }

  private func payload(_ data: Attributes) -> HostRules.Field {
    let (base, offset, count) = (data.number(2), data.number(3), Int(data.number(4) ?? 0))
    return switch (base, offset) {
    case (1, let offset?) where offset < 40 && (1...16).contains(count): .network(offset: Int(offset), count: count)
    case (2, 2) where count == 2: .destinationPort
    case (2, 13) where count == 1: .flags
    default: .unknown
    }
  }

  /// A set has no count of its fields: the registers behind the first one that were filled since belong to it.
  private mutating func readLookup(_ data: Attributes) throws(Fault) {
    let first = small(data.number(2) ?? 0)
    var fields: [HostRules.Field] = []
    var register = first
    while let field = registers[register] {
      fields.append(field)
      register += UInt32((size(field) + 3) / 4)
    }
    if data.number(3) == 0 {
      end(.byMap(data.text(1), fields))
    } else {
      rule.tests.append(.lookUp(fields, set: data.text(1), isInverted: (data.number(5) ?? 0) & 1 == 1))
    }
    registers = registers.filter { $0.key < first }
  }

  private func size(_ field: HostRules.Field) -> Int {
    switch field {
    case .input, .output: 16
    case .network(_, let count): count
    case .masked(let inner, _, _): size(inner)
    default: 4
    }
  }

  private mutating func readVerdict(_ data: Attributes) throws(Fault) {
    guard data.number(1) == 0, let value = data.bytes(2),
      let verdict = try parseAttributes(value).first(where: { $0.type == 2 })
    else { return }
    end(try outcome(verdict.payload))
  }

  private mutating func end(_ outcome: HostRules.Outcome) { if rule.outcome == .none { rule.outcome = outcome } }
}

/// enum nft_verdicts and enum nf_verdicts.
func outcome(_ verdict: ArraySlice<UInt8>) throws(Fault) -> HostRules.Outcome {
  let data = Attributes(verdict)
  return switch Int32(bitPattern: data.number(1) ?? 1) {
  case 0, 3: .drop
  case 1: .accept
  case -3: .jump(data.text(2))
  case -4: .goTo(data.text(2))
  case -5: .leave
  default: .none
  }
}

/// The attributes of one expression; a wrong length anywhere is the end of what is read.
struct Attributes {
  private let list: [Attribute]
  init(_ bytes: ArraySlice<UInt8>) { list = (try? parseAttributes(bytes)) ?? [] }

  func bytes(_ type: UInt16) -> ArraySlice<UInt8>? { list.first { $0.type == type }?.payload }
  func number(_ type: UInt16) -> UInt32? { bytes(type)?.word(at: 0)?.byteSwapped }
  func text(_ type: UInt16) -> String { bytes(type)?.text ?? "" }
  /// NFTA_DATA_VALUE within.
  func value(_ type: UInt16) throws(Fault) -> [UInt8]? {
    guard let data = bytes(type) else { return nil }
    return try parseAttributes(data).first { $0.type == 1 }.map { Array($0.payload) }
  }
}

// MARK: - xtables' extensions, in iptables' rules of both forms

/// What a match of xtables tests, by its structure in <linux/netfilter/xt_*.h>.
func extensionTests(_ name: String, _ info: [UInt8]) -> [HostRules.Test] {
  let info = info[...]
  func ports(_ offset: Int, _ isInverted: Bool) -> HostRules.Test {
    guard let first = info.half(at: offset), let last = info.half(at: offset + 2) else { return .unknown }
    func bytes(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(port & 255)] }
    return .range(.destinationPort, Ends(lower: bytes(first), upper: bytes(last)), isInverted: isInverted)
  }
  func isAnySource() -> Bool { info.half(at: 0) == 0 && info.half(at: 2) == .max }
  switch name {
  case "comment": return []
  case "tcp":  // u16 spts[2], dpts[2]; u8 option, flg_mask, flg_cmp, invflags
    guard isAnySource(), let mask = info.byte(at: 9), let compared = info.byte(at: 10), let inverted = info.byte(at: 11)
    else { return [.unknown] }
    let flags: [HostRules.Test] = [.known((2 & mask == compared) != (inverted & 8 != 0))]
    return [ports(4, inverted & 2 != 0)] + (mask == 0 ? [] : flags)
  case "udp":  // u16 spts[2], dpts[2]; u8 invflags
    guard isAnySource(), let inverted = info.byte(at: 8) else { return [.unknown] }
    return [ports(4, inverted & 2 != 0)]
  case "multiport":  // u8 flags, count; u16 ports[15]; u8 pflags[15]; u8 invert
    guard let flags = info.byte(at: 0), let count = info.byte(at: 1), flags >= 1, count <= 15 else { return [.unknown] }
    return [multiport(info, Int(count))]
  case "state":  // unsigned int statemask, XT_STATE_BIT(NEW) is 8
    guard let mask = info.word(at: 0) else { return [.unknown] }
    return [.states(mask, isInverted: false)]
  case "conntrack":  // Eight addresses, two times, a protocol, four ports; then u16 flags, inverted, states, statuses.
    guard let flags = info.half(at: 146), let inverted = info.half(at: 148), let states = info.half(at: 150) else {
      return [.unknown]
    }
    guard flags & ~1 == 0 else { return [.unknown] }
    return [.states(UInt32(states), isInverted: inverted & 1 != 0)]
  case "addrtype":  // u16 source, dest; u32 flags: 1 inverts the source, 2 the destination
    guard info.half(at: 0) == 0, let types = info.half(at: 2), let flags = info.word(at: 4) else { return [.unknown] }
    // RTN_LOCAL, as a bit: what comes in is for this host, what is forwarded is not.
    let local: HostRules.Test = .compare(.addressType, flags & 2 == 0 ? .equal : .notEqual, [2, 0, 0, 0])
    return [types == 4 ? local : .unknown]
  case "limit", "hashlimit": return []
  default: return [.unknown]
  }
}

private func multiport(_ info: ArraySlice<UInt8>, _ count: Int) -> HostRules.Test {
  var set: [ClosedRange<UInt16>] = []
  var index = 0
  while index < count {
    guard let port = info.half(at: 2 + 2 * index), let isRange = info.byte(at: 32 + index) else { return .unknown }
    if isRange != 0, let last = info.half(at: 4 + 2 * index), last >= port {
      set.append(port...last)
      index += 2
    } else {
      set.append(port...port)
      index += 1
    }
  }
  guard let inverted = info.byte(at: 47) else { return .unknown }
  return .ports(set, isInverted: inverted != 0)
}
