internal import Kernel
internal import Netlink

// What iptables-legacy has put into the kernel is no table of nf_tables. It is asked for by getsockopt(2), as
// iptables-legacy does itself (<linux/netfilter_ipv4/ip_tables.h>); where nobody has used it, asking would make it.

/// The chains of the table `filter`, or none.
func legacyChains(_ family: AddressSet.Family) throws(Fault) -> [HostRules.Chain] {
  let file: Path = family == .v4 ? "/proc/thread-self/net/ip_tables_names" : "/proc/thread-self/net/ip6_tables_names"
  let names = (try? readText(file, limit: 4096)) ?? ""
  guard names.split(separator: "\n").contains("filter") else { return [] }
  let socket = try makeSocket(family == .v4 ? .ipv4 : .ipv6, .raw, protocol: 255)
  let level: Int32 = family == .v4 ? 0 : 41  // SOL_IP, SOL_IPV6; the options have the same numbers.
  // struct ipt_getinfo: char name[32]; u32 valid_hooks, hook_entry[5], underflow[5], num_entries, size.
  var information = Array("filter".utf8) + [UInt8](repeating: 0, count: 78)
  _ = try socket.borrowed.socketOption(level: level, 64, structure: &information)
  guard let size = information[...].word(at: 80), size < 16 << 20 else { return [] }
  // struct ipt_get_entries: char name[32]; u32 size, four bytes of padding; the entries.
  var table = Array("filter".utf8) + [UInt8](repeating: 0, count: 34 + Int(size))
  for index in 0..<4 { table[32 + index] = UInt8(truncatingIfNeeded: size >> UInt32(8 * index)) }
  _ = try socket.borrowed.socketOption(level: level, 65, structure: &table)
  return try legacyChains(family, information: information[...], entries: table[40...])
}

/// Pure: what the two answers say.
func legacyChains(
  _ family: AddressSet.Family, information: ArraySlice<UInt8>, entries: ArraySlice<UInt8>
) throws(Fault) -> [HostRules.Chain] {
  let table = family == .v4 ? "iptables-legacy filter" : "ip6tables-legacy filter"
  var starts: [Int: String] = [:]
  var underflows: Set<Int> = []
  for (hook, name) in [(1, "INPUT"), (2, "FORWARD"), (3, "OUTPUT")] {
    guard let start = information.word(at: 36 + 4 * hook), let end = information.word(at: 56 + 4 * hook) else {
      throw Fault("getsockopt", .badMessage, arguments: "IPT_SO_GET_INFO")
    }
    starts[Int(start)] = name
    underflows.insert(Int(end))
  }
  var chains: [HostRules.Chain] = []
  var names: [Int: String] = starts
  var jumps: [(chain: Int, rule: Int, offset: Int)] = []
  var offset = 0
  while let entry = LegacyEntry(entries, at: offset, LegacyLayout(family)) {
    if let name = starts[offset] {
      let hook: HostRules.Hook? = name == "INPUT" ? .input : name == "FORWARD" ? .forward : nil
      chains.append(HostRules.Chain(table: table, name: name, hook: hook))
    }
    if let name = entry.errorName {
      // A chain of the user's begins behind the entry that names it; the last one is called ERROR.
      names[offset + entry.length] = name
      chains.append(HostRules.Chain(table: table, name: name))
    } else if underflows.contains(offset) {
      // Nothing comes before the chain that it ends, unless the answer is damaged.
      if !chains.isEmpty { chains[chains.count - 1].policyDrops = entry.verdict == -1 }
    } else if !chains.isEmpty {
      var rule = HostRules.Rule(tests: entry.tests)
      // A base chain's rules are numbered from 1, and so are those of the user's.
      rule.handle = UInt64(chains[chains.count - 1].rules.count + 1)
      // -NF_DROP - 1, -NF_ACCEPT - 1, XT_RETURN, or where to go on.
      let verdict = entry.verdict ?? (["REJECT", "DROP", "TARPIT"].contains(entry.target) ? -1 : -99)
      switch verdict {
      case -1: rule.outcome = .drop
      case -2: rule.outcome = .accept
      case -5: rule.outcome = .leave
      case 0... where Int(verdict) != offset + entry.length:
        jumps.append((chains.count - 1, chains[chains.count - 1].rules.count, Int(verdict)))
      default: break
      }
      chains[chains.count - 1].rules.append(rule)
    }
    offset += entry.length
  }
  for jump in jumps { chains[jump.chain].rules[jump.rule].outcome = names[jump.offset].map { .jump($0) } ?? .none }
  return chains.filter { $0.name != "ERROR" }
}

/// Where the parts of struct ipt_entry and struct ip6t_entry are. Both begin with the addresses and their masks, the names of
/// the links and their masks; then come the protocol, flags, what is inverted, the offsets of target and next entry.
private struct LegacyLayout {
  let family: AddressSet.Family
  let size: Int
  /// Of the links' names.
  var names: Int { 4 * size }
  var transport: Int { names + 64 }
  var inversions: Int { family == .v4 ? 83 : 132 }
  var targetOffset: Int { family == .v4 ? 88 : 140 }
  /// Behind the counters.
  var matches: Int { family == .v4 ? 112 : 168 }

  init(_ family: AddressSet.Family) {
    self.family = family
    size = family.size
  }
}

/// One entry with its matches and its target.
private struct LegacyEntry {
  var length: Int
  var tests: [HostRules.Test] = []
  var target: String
  /// Of the standard target, which has no name.
  var verdict: Int32?
  var errorName: String?

  init?(_ entries: ArraySlice<UInt8>, at offset: Int, _ layout: LegacyLayout) {
    let entry = entries.dropFirst(offset)
    guard let targetOffset = entry.half(at: layout.targetOffset), let next = entry.half(at: layout.targetOffset + 2),
      Int(next) <= entry.count, Int(targetOffset) >= layout.matches, Int(targetOffset) + 32 <= Int(next)
    else { return nil }
    length = Int(next)
    let data = entry.dropFirst(Int(targetOffset)).prefix(Int(next) - Int(targetOffset))
    target = data.dropFirst(2).prefix(29).text
    readHeader(entry, layout)
    var place = layout.matches
    while place + 32 <= Int(targetOffset), let size = entry.half(at: place), size >= 32,
      place + Int(size) <= Int(targetOffset)
    {
      let match = entry.dropFirst(place).prefix(Int(size))
      tests += extensionTests(match.dropFirst(2).prefix(29).text, Array(match.dropFirst(32)))
      place += Int(size)
    }
    if target.isEmpty { verdict = data.word(at: 32).map { Int32(bitPattern: $0) } }
    if target == "ERROR" { errorName = data.dropFirst(32).text }
  }

  private mutating func readHeader(_ entry: ArraySlice<UInt8>, _ layout: LegacyLayout) {
    let size = layout.size
    let inverted = entry.byte(at: layout.inversions) ?? 0
    func bytes(_ start: Int, _ count: Int) -> [UInt8] { Array(entry.dropFirst(start).prefix(count)) }
    func add(_ field: HostRules.Field, _ value: [UInt8], mask: [UInt8], inversion: UInt8) {
      guard mask.contains(where: { $0 != 0 }) else { return }
      let zeros = [UInt8](repeating: 0, count: mask.count)
      tests.append(
        .compare(
          .masked(field, mask: mask, xor: zeros), inverted & inversion == 0 ? .equal : .notEqual,
          zip(value, mask).map { $0 & $1 }))
    }
    let (source, destination) = layout.family == .v4 ? (12, 16) : (8, 24)
    add(.network(offset: source, count: size), bytes(0, size), mask: bytes(2 * size, size), inversion: 8)
    add(.network(offset: destination, count: size), bytes(size, size), mask: bytes(3 * size, size), inversion: 16)
    add(.input, bytes(layout.names, 16), mask: bytes(layout.names + 32, 16), inversion: 1)
    add(.output, bytes(layout.names + 16, 16), mask: bytes(layout.names + 48, 16), inversion: 2)
    if let transport = entry.half(at: layout.transport), transport != 0 {
      let value = [UInt8(truncatingIfNeeded: transport)]
      tests.append(.compare(.transport, inverted & 64 == 0 ? .equal : .notEqual, value))
    }
  }
}
