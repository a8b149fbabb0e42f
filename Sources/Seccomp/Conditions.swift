internal import RuntimeSpec

/// A rule of a profile as the compiler takes it: what to return, when all conditions hold.
struct Rule {
  /// SECCOMP_RET_*.
  var action: UInt32
  var conditions: [Spec.SeccompArgument]
}

extension Assembler {
  /// Tests the rules in their order; the first whose conditions hold decides.
  mutating func test(_ rules: [Rule], isNarrow: Bool, otherwise: UInt32) -> Target {
    if let intervals = Intervals(rules, isNarrow: isNarrow, otherwise: otherwise) {
      return choose(intervals, isNarrow: isNarrow)
    }
    var next = Target.act(otherwise)
    for rule in rules.reversed() {
      let fail = next
      next = .act(rule.action)
      for condition in rule.conditions.reversed() {
        next = compare(condition, isNarrow: isNarrow, then: next, else: fail)
      }
    }
    return next
  }

  /// struct seccomp_data (linux/seccomp.h): number, arch, instruction pointer, then six words of 64 bits, low half first
  /// on a little-endian machine.
  private func low(_ index: UInt32) -> UInt32 { 16 + 8 * index }
  private func high(_ index: UInt32) -> UInt32 { 20 + 8 * index }

  private mutating func compare(
    _ condition: Spec.SeccompArgument, isNarrow: Bool, then: Target, else other: Target
  ) -> Target {
    let value = (low: UInt32(truncatingIfNeeded: condition.value), high: UInt32(condition.value >> 32))
    switch condition.op {
    case .equal, .notEqual:
      let (then, other) = condition.op == .equal ? (then, other) : (other, then)
      let lower = word(low(condition.index), .equal, value.low, then: then, else: other)
      return isNarrow ? lower : word(high(condition.index), .equal, value.high, then: lower, else: other)
    case .greater, .lessOrEqual:
      let (then, other) = condition.op == .greater ? (then, other) : (other, then)
      return order(.greater, condition.index, value, isNarrow: isNarrow, then: then, else: other)
    case .greaterOrEqual, .less:
      let (then, other) = condition.op == .greaterOrEqual ? (then, other) : (other, then)
      return order(.greaterOrEqual, condition.index, value, isNarrow: isNarrow, then: then, else: other)
    case .maskedEqual:
      // Bits of the value outside of the mask do not count, as in libseccomp.
      let wanted = condition.valueTwo & condition.value
      let lower = masked(
        low(condition.index), value.low, UInt32(truncatingIfNeeded: wanted), then: then, else: other)
      if isNarrow || value.high == 0 { return lower }
      return masked(high(condition.index), value.high, UInt32(wanted >> 32), then: lower, else: other)
    }
  }

  private mutating func word(
    _ offset: UInt32, _ comparison: Comparison, _ value: UInt32, then: Target, else other: Target
  ) -> Target {
    if then == other { return then }
    _ = branch(comparison, value, then: then, else: other)
    return load(offset)
  }

  private mutating func masked(
    _ offset: UInt32, _ mask: UInt32, _ value: UInt32, then: Target, else other: Target
  ) -> Target {
    if then == other { return then }
    _ = branch(.equal, value, then: then, else: other)
    if mask != .max { and(mask) }
    return load(offset)
  }

  /// Greater in the high word, or equal there and `comparison` in the low one.
  private mutating func order(
    _ comparison: Comparison, _ index: UInt32, _ value: (low: UInt32, high: UInt32), isNarrow: Bool, then: Target,
    else other: Target
  ) -> Target {
    let lower = word(low(index), comparison, value.low, then: then, else: other)
    if isNarrow { return lower }
    let equal = branch(.equal, value.high, then: lower, else: other)
    return word(high(index), .greater, value.high, then: then, else: equal)
  }

  private mutating func choose(_ intervals: Intervals, isNarrow: Bool) -> Target {
    let list = intervals.list
    if isNarrow {
      return tree(list.map { (UInt32(truncatingIfNeeded: $0.start), .act($0.action)) }, at: low(intervals.index))
    }
    var highs: [(start: UInt32, target: Target)] = []
    var position = 0
    while position < list.count {
      // The intervals that begin under one high word; the one before them reaches in when they begin late.
      let high = UInt32(list[position].start >> 32)
      var lows: [(start: UInt32, target: Target)] = []
      if list[position].start != UInt64(high) << 32 { lows.append((0, .act(list[position - 1].action))) }
      while position < list.count, UInt32(list[position].start >> 32) == high {
        lows.append((UInt32(truncatingIfNeeded: list[position].start), .act(list[position].action)))
        position += 1
      }
      highs.append((high, tree(lows, at: low(intervals.index))))
      if high < .max, position == list.count || UInt32(list[position].start >> 32) != high + 1 {
        highs.append((high + 1, .act(list[position - 1].action)))
      }
    }
    return tree(highs, at: self.high(intervals.index))
  }
}

/// What rules on one and the same argument come to: an action for each interval of its values. Docker's list of socket
/// families is 26 rules, and six intervals.
struct Intervals {
  var index: UInt32
  /// Sorted, the first from 0.
  var list: [(start: UInt64, action: UInt32)]

  /// Nil when a rule has more than one condition, a mask, or another argument.
  init?(_ rules: [Rule], isNarrow: Bool, otherwise: UInt32) {
    guard rules.count > 1, let index = rules[0].conditions.first?.index else { return nil }
    let most = isNarrow ? UInt64(UInt32.max) : .max
    var starts: [UInt64] = [0]
    for rule in rules {
      guard rule.conditions.count == 1, rule.conditions[0].index == index, rule.conditions[0].op != .maskedEqual else {
        return nil
      }
      let value = rule.conditions[0].value & most
      starts.append(value)
      if value < most { starts.append(value + 1) }
    }
    starts.sort()
    self.index = index
    list = []
    for start in starts where list.last?.start != start {
      let rule = rules.first { $0.conditions[0].holds(start, mask: most) }
      list.append((start, rule?.action ?? otherwise))
    }
  }
}

extension Spec.SeccompArgument {
  /// Whether `argument` meets an unmasked condition, both cut to `mask`.
  fileprivate func holds(_ argument: UInt64, mask: UInt64) -> Bool {
    let value = value & mask
    return switch op {
    case .equal: argument == value
    case .notEqual: argument != value
    case .less: argument < value
    case .lessOrEqual: argument <= value
    case .greater: argument > value
    case .greaterOrEqual: argument >= value
    case .maskedEqual: false
    }
  }
}
