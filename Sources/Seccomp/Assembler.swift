/// Classic BPF, written from the end to the start: every jump goes forward, so its target is there before it.
struct Assembler {
  /// Where a jump goes: to code that is there, or to the return of an action, made where it is needed.
  enum Target: Hashable {
    case label(Int)
    case act(UInt32)
  }

  /// The comparisons of the instruction set with a constant (linux/bpf_common.h: BPF_JMP | op | BPF_K).
  enum Comparison: UInt64 {
    case equal = 0x15
    case greater = 0x25
    case greaterOrEqual = 0x35
  }

  /// The last instruction first.
  private var reversed: [UInt64] = []
  /// The nearest return of each action.
  private var returns: [(action: UInt32, label: Int)] = []

  /// How far a conditional jump reaches is 255; some of it is left for what may come between.
  private static let reach = 250

  init() { reversed.reserveCapacity(1024) }

  var count: Int { reversed.count }
  var instructions: [UInt64] { reversed.reversed() }

  @discardableResult
  private mutating func emit(_ code: UInt64, _ operand: UInt32 = 0, ifTrue: Int = 0, ifFalse: Int = 0) -> Int {
    reversed.append(code | UInt64(ifTrue) << 16 | UInt64(ifFalse) << 24 | UInt64(operand) << 32)
    return reversed.count - 1
  }

  /// Instructions to skip from one that is emitted now.
  private func distance(to label: Int) -> Int { reversed.count - 1 - label }

  /// BPF_LD | BPF_W | BPF_ABS: a word of struct seccomp_data.
  mutating func load(_ offset: UInt32) -> Target { .label(emit(0x20, offset)) }

  /// BPF_ALU | BPF_AND | BPF_K.
  mutating func and(_ mask: UInt32) { emit(0x54, mask) }

  /// Compares the accumulator with `value`.
  mutating func branch(_ comparison: Comparison, _ value: UInt32, then: Target, else other: Target) -> Target {
    if then == other { return then }
    let far = near(other)
    let yes = near(then)
    // Materialising the second may have moved the first out of reach by an instruction: `reach` leaves room for that.
    return .label(emit(comparison.rawValue, value, ifTrue: distance(to: yes), ifFalse: distance(to: far)))
  }

  /// A label within reach of the next instructions: the target's own, a new return, or an unconditional jump to it.
  private mutating func near(_ target: Target) -> Int {
    switch target {
    case .label(let label):
      if distance(to: label) <= Self.reach { return label }
      return emit(0x05, UInt32(distance(to: label)))
    case .act(let action):
      if let index = returns.firstIndex(where: { $0.action == action }) {
        if distance(to: returns[index].label) > Self.reach { returns[index].label = emit(0x06, action) }
        return returns[index].label
      }
      let label = emit(0x06, action)
      returns.append((action, label))
      return label
    }
  }

  /// Chooses by the accumulator among `ranges`, each from its start to the next one's; the first starts at 0.
  mutating func tree(_ ranges: ArraySlice<(start: UInt32, target: Target)>) -> Target {
    let first = ranges.startIndex
    if ranges.count == 1 { return ranges[first].target }
    if ranges.count == 3, ranges[first].target == ranges[first + 2].target,
      ranges[first + 2].start == ranges[first + 1].start + 1
    {
      return branch(.equal, ranges[first + 1].start, then: ranges[first + 1].target, else: ranges[first].target)
    }
    let middle = first + ranges.count / 2
    let upper = tree(ranges[middle...])
    let lower = tree(ranges[..<middle])
    return branch(.greaterOrEqual, ranges[middle].start, then: upper, else: lower)
  }

  /// The same after loading a word of struct seccomp_data; nothing is loaded when there is nothing to choose.
  mutating func tree(_ ranges: [(start: UInt32, target: Target)], at offset: UInt32) -> Target {
    var merged: [(start: UInt32, target: Target)] = []
    merged.reserveCapacity(ranges.count)
    for range in ranges where merged.last?.target != range.target { merged.append(range) }
    let root = tree(merged[...])
    return merged.count == 1 ? root : load(offset)
  }
}
