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
    let table = SystemCallTable.shared
    // A number and a rule in one word each, which sorts as the two would.
    var found: [UInt64] = []
    found.reserveCapacity(calls.count)
    for call in calls {
      if let number = table.number(row: call.row, column: interface.column) {
        found.append(Self.word(number, call.rule))
      }
    }
    if interface.isMultiplexed {
      for call in multiplexed {
        if let number = table.number(row: call.row, column: interface.column) {
          found.append(Self.word(number, call.rule))
        }
      }
    }
    found.sort()

    var ranges: [(start: UInt32, target: Assembler.Target)] = [(interface.base, .act(defaultAction))]
    ranges.reserveCapacity(found.count * 2)
    // Programs for the same rules are shared: on arm64 and x86-64 few calls have any.
    var tests: [[Int]: Assembler.Target] = [:]
    var position = 0
    while position < found.count {
      let (number, first) = Self.parts(found[position])
      // Most calls have one rule and no condition: no list is made for them.
      if rules[first].conditions.isEmpty {
        put(.act(rules[first].action), number + interface.base, &ranges)
        repeat { position += 1 } while position < found.count && Self.parts(found[position]).number == number
        continue
      }
      var group: [Int] = []
      while position < found.count, Self.parts(found[position]).number == number {
        group.append(Self.parts(found[position]).rule)
        position += 1
      }
      let target: Assembler.Target
      if let always = group.first(where: { rules[$0].conditions.isEmpty }) {
        target = .act(rules[always].action)
      } else if let known = tests[group] {
        target = known
      } else {
        target = assembler.test(
          group.map { rules[$0] }, isNarrow: interface.isNarrow, otherwise: defaultAction)
        tests[group] = target
      }
      put(target, number + interface.base, &ranges)
    }
    if hidesUnknown { hideUnknown(interface, &ranges) }
    return ranges
  }

  private static func word(_ number: UInt32, _ rule: Int) -> UInt64 { UInt64(number) << 32 | UInt64(rule) }

  private static func parts(_ word: UInt64) -> (number: UInt32, rule: Int) {
    (UInt32(word >> 32), Int(word & 0xffff_ffff))
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
    // Number 0 does not count, as in runc.
    let numbers = named.compactMap { SystemCallTable.shared.number(row: $0, column: interface.column) }
      .filter { $0 + interface.base > 0 }
    let second: UInt32 = 0xf_0000
    let ends = (numbers.filter { $0 < second }.max(), numbers.filter { $0 >= second }.max())
    if let first = ends.0 { hide(from: first + 1 + interface.base, to: ends.1 == nil ? nil : second, &ranges) }
    if let last = ends.1 { hide(from: last + 1, to: nil, &ranges) }
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

extension RuleSet {
  /// A call that the filter lets pass whatever its arguments, to take the listener out of the process.
  func listenerCall() throws(SeccompError) -> SystemCallFilter.ListenerCall {
    if passes("sendmsg") { return .sendmsg }
    if passes("sendmmsg") { return .sendmmsg }
    throw SeccompError("syscalls", .listenerCannotLeave)
  }

  private func passes(_ name: String) -> Bool {
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
