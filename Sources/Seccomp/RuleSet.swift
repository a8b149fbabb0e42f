internal import Kernel
internal import RuntimeSpec
internal import Steps

/// The rules of a profile with names looked up: what the compiler asks for each binary interface.
struct RuleSet {
  var defaultAction: UInt32
  /// A number above all that are named answers ENOSYS.
  private var hidesUnknown: Bool
  private var rules: [Rule] = []
  /// Row of the table, and the rule: in the order of the profile.
  private var calls: [(row: Int, rule: Int)] = []
  /// Rows that the profile names at all, be it with its default action.
  private var named: [Int] = []
  /// Calls of i386 through socketcall(2) and ipc(2).
  private var multiplexed: [(row: Int, rule: Int)] = []

  /// BPF_MAXINSNS: the kernel refuses longer programs.
  private static let limit = 4096

  init(_ profile: Spec.Seccomp) throws(SeccompError) {
    defaultAction = returnValue(profile.defaultAction, profile.defaultErrnoRet)
    if profile.defaultErrnoRet != nil, !profile.defaultAction.takesErrno {
      throw SeccompError("defaultErrnoRet", .noErrno(of: profile.defaultAction.rawValue))
    }
    hidesUnknown = ![.allow, .log, .trace].contains(profile.defaultAction)
    let table = SystemCallTable.shared
    let through = MultiplexedCalls(table)
    for (position, rule) in profile.syscalls.enumerated() {
      try Self.check(rule, at: position)
      let action = returnValue(rule.action, rule.errnoRet)
      let isDefault = action == defaultAction
      let first = rules.count
      if !isDefault { rules += alternatives(of: rule.args).map { Rule(action: action, conditions: $0) } }
      let last = rules.count
      for name in rule.names {
        guard let row = table.row(of: name) else { continue }
        named.append(row)
        if !isDefault, let call = through[row] {
          multiplex(call, action: action, isConditional: !rule.args.isEmpty)
        }
        for index in first..<last { calls.append((row, index)) }
      }
      // Each needs an instruction at the least.
      if rules.count > Self.limit * 16 { throw SeccompError("syscalls", .tooLarge) }
    }
  }

  private static func check(_ rule: Spec.SeccompRule, at position: Int) throws(SeccompError) {
    if rule.names.isEmpty { throw SeccompError("syscalls[\(position)].names", .noNames) }
    if rule.errnoRet != nil, !rule.action.takesErrno {
      throw SeccompError("syscalls[\(position)].errnoRet", .noErrno(of: rule.action.rawValue))
    }
    for (index, argument) in rule.args.enumerated() where argument.index > 5 {
      throw SeccompError("syscalls[\(position)].args[\(index)].index", .noSuchArgument(argument.index))
    }
  }

  /// socketcall(2) and ipc(2) take the call's number as their first argument and its arguments behind a pointer, where no
  /// filter sees them. A rule with conditions that would allow more than the default is therefore not carried over, and
  /// one that would allow less holds whatever the arguments.
  private mutating func multiplex(_ call: MultiplexedCalls.Call, action: UInt32, isConditional: Bool) {
    if isConditional, precedence(action) > precedence(defaultAction) { return }
    // ipc(2) keeps a version in the upper half of its number.
    let condition =
      call.hasVersion
      ? Spec.SeccompArgument(index: 0, value: 0xffff, valueTwo: call.number, op: .maskedEqual)
      : Spec.SeccompArgument(index: 0, value: call.number, op: .equal)
    rules.append(Rule(action: action, conditions: [condition]))
    multiplexed.append((call.row, rules.count - 1))
  }

  /// The ranges of numbers with the same answer; code that tests arguments is emitted on the way.
  func ranges(
    for interface: BinaryInterface, into assembler: inout Assembler
  ) -> [(start: UInt32, target: Assembler.Target)] {
    let found = RulesByNumber(calls, interface.isMultiplexed ? multiplexed : [], column: interface.column)
    var ranges: [(start: UInt32, target: Assembler.Target)] = [(interface.base, .act(defaultAction))]
    ranges.reserveCapacity(calls.count * 2)
    // Programs for the same rules are shared: on arm64 and x86-64 few calls have any.
    var tests: [(rules: [Int], target: Assembler.Target)] = []
    for slot in 0..<RulesByNumber.slots {
      guard let first = found.first(slot) else { continue }
      let number = RulesByNumber.number(slot) + interface.base
      // Most calls have one rule and no condition: no list is made for them.
      if rules[first].conditions.isEmpty {
        put(.act(rules[first].action), number, &ranges)
        continue
      }
      let group = found.all(slot)
      let target: Assembler.Target
      if let always = group.first(where: { rules[$0].conditions.isEmpty }) {
        target = .act(rules[always].action)
      } else if let known = tests.first(where: { $0.rules == group }) {
        target = known.target
      } else {
        target = assembler.test(
          group.map { rules[$0] }, isNarrow: interface.isNarrow, otherwise: defaultAction)
        tests.append((group, target))
      }
      put(target, number, &ranges)
    }
    if hidesUnknown { hideUnknown(interface, &ranges) }
    return ranges
  }

  /// One number gets `target`; what follows it is the default again.
  private func put(
    _ target: Assembler.Target, _ number: UInt32, _ ranges: inout [(start: UInt32, target: Assembler.Target)]
  ) {
    let last = ranges.count - 1
    if ranges[last].start == number {
      // The default's range ends before it began: the neighbours touch.
      if last > 0, ranges[last - 1].target == target { ranges.removeLast() } else { ranges[last].target = target }
    } else {
      ranges.append((number, target))
    }
    ranges.append((number + 1, .act(defaultAction)))
  }

  /// Above the highest number that the profile names nothing is known. On arm a second block of numbers starts at
  /// __ARM_NR_BASE (0x0f0000), and what lies between the two is unknown as well.
  private func hideUnknown(
    _ interface: BinaryInterface, _ ranges: inout [(start: UInt32, target: Assembler.Target)]
  ) {
    let table = SystemCallTable.shared
    let second = SystemCallTable.secondBlock
    // The first that is not named, in each block; 0 where none is.
    var ends: (first: UInt32, second: UInt32) = (0, 0)
    for row in named {
      guard let number = table.number(row: row, column: interface.column) else { continue }
      if number >= second {
        ends.second = max(ends.second, number + 1)
      } else if number + interface.base > 0 {
        // Number 0 does not count, as in runc.
        ends.first = max(ends.first, number + 1)
      }
    }
    if ends.first > 0 { hide(from: ends.first + interface.base, to: ends.second == 0 ? nil : second, &ranges) }
    if ends.second > 0 { hide(from: ends.second, to: nil, &ranges) }
  }

  /// No number from `start` to before `end` is in any rule.
  private func hide(
    from start: UInt32, to end: UInt32?, _ ranges: inout [(start: UInt32, target: Assembler.Target)]
  ) {
    let after = end.map { end in ranges.filter { $0.start >= end } } ?? []
    ranges.removeAll { $0.start >= start }
    ranges.append((start, .act(error(.noSystemCall))))
    if let end, after.first?.start != end { ranges.append((end, .act(defaultAction))) }
    ranges += after
  }

  func check(_ assembler: borrowing Assembler) throws(SeccompError) {
    if assembler.count > Self.limit { throw SeccompError("syscalls", .tooLarge) }
  }
}

/// The rules of each number of one interface, in the order of the profile: a list for each number, all in two arrays.
private struct RulesByNumber {
  /// By slot, the first of its list and one more; 0 for none.
  private var heads = [Int32](repeating: 0, count: slots)
  private var entries: [(rule: Int32, next: Int32)] = []

  /// A slot for each number below the table's limit, and for a few of its second block.
  static let slots = Int(SystemCallTable.limit) + 16

  static func number(_ slot: Int) -> UInt32 {
    let slot = UInt32(slot)
    return slot < SystemCallTable.limit ? slot : slot - SystemCallTable.limit + SystemCallTable.secondBlock
  }

  private static func slot(_ number: UInt32) -> Int {
    Int(number < SystemCallTable.limit ? number : number - SystemCallTable.secondBlock + SystemCallTable.limit)
  }

  init(_ calls: [(row: Int, rule: Int)], _ more: [(row: Int, rule: Int)], column: Int) {
    entries.reserveCapacity(calls.count + more.count)
    // Each becomes the first of its list, so the last comes first.
    for call in more.reversed() { add(call, column) }
    for call in calls.reversed() { add(call, column) }
  }

  private mutating func add(_ call: (row: Int, rule: Int), _ column: Int) {
    guard let number = SystemCallTable.shared.number(row: call.row, column: column) else { return }
    let slot = Self.slot(number)
    entries.append((Int32(call.rule), heads[slot]))
    heads[slot] = Int32(entries.count)
  }

  /// The first rule that names the call itself.
  func first(_ slot: Int) -> Int? { heads[slot] == 0 ? nil : Int(entries[Int(heads[slot]) - 1].rule) }

  func all(_ slot: Int) -> [Int] {
    var list: [Int] = []
    var place = heads[slot]
    while place != 0 {
      list.append(Int(entries[Int(place) - 1].rule))
      place = entries[Int(place) - 1].next
    }
    // Those that came through another call stand last in the list, but not in the profile.
    list.sort()
    return list
  }
}

extension RuleSet {
  /// A call that the filter lets pass whatever its arguments, to take the listener out of the process.
  func listenerCall() throws(SeccompError) -> SystemCallFilter.ListenerCall {
    if passes("sendmsg") { return .sendmsg }
    if passes("sendmmsg") { return .sendmmsg }
    throw SeccompError("syscalls", .listenerCannotLeave)
  }

  func passes(_ name: String) -> Bool {
    let row = SystemCallTable.shared.row(of: name)
    let found = calls.filter { $0.row == row }.map { rules[$0.rule] }
    let actions = found.first { $0.conditions.isEmpty }.map { [$0.action] } ?? found.map(\.action) + [defaultAction]
    return actions.allSatisfy { $0 == returnValue(.allow, nil) || $0 == returnValue(.log, nil) }
  }
}

/// One list of conditions, or a list for each condition where an argument comes twice.
private func alternatives(of conditions: [Spec.SeccompArgument]) -> [[Spec.SeccompArgument]] {
  var seen: UInt32 = 0
  for condition in conditions {
    if seen & 1 << condition.index != 0 { return conditions.map { [$0] } }
    seen |= 1 << condition.index
  }
  return [conditions]
}
