import RuntimeSpec

@testable import Seccomp

/// Random numbers that are the same in every run.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Every number that any table has and its neighbours, with arguments around each constant of the profile.
func interestingCalls(of profile: Spec.Seccomp) -> [Interpreter.Call] {
  var values: Set<UInt64> = [0, 1, 0xffff_ffff, 0x1_0000_0000, .max]
  for argument in profile.syscalls.flatMap(\.args) {
    for value in [argument.value, argument.valueTwo] {
      values.formUnion([value, value &+ 1, value &- 1, value ^ 1 << 32, value ^ 1 << 63, ~value])
    }
  }
  var random = Seeded(state: 7)
  // All of a few, a sample of many.
  let sorted = Array(values.sorted().shuffled(using: &random).prefix(48))
  let indices = Set(profile.syscalls.flatMap(\.args).map { Int($0.index) }).sorted()
  let conditional = Set(profile.syscalls.filter { !$0.args.isEmpty }.flatMap(\.names))
  let table = SystemCallTable.shared
  var calls: [Interpreter.Call] = []
  for interface in Machine.allCases.flatMap(\.interfaces) {
    var numbers = Set<UInt32>(0...600)
    numbers.formUnion((0xe_ffff...0xf_0010).map { UInt32($0) } + [.max, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff])
    let tested = Set(
      conditional.compactMap { table.row(of: $0).flatMap { table.number(row: $0, column: interface.column) } })
    for number in numbers.sorted() {
      let whole = number < 0x4000_0000 ? number + interface.base : number
      calls.append(Interpreter.Call(architecture: interface.audit, number: whole))
      guard tested.contains(number) else { continue }
      for index in indices {
        for value in sorted {
          var call = Interpreter.Call(architecture: interface.audit, number: whole)
          call.arguments[index] = value
          calls.append(call)
          // The other arguments at some constant too, so that conditions on two of them can meet.
          call.arguments[indices.randomElement(using: &random)!] = sorted.randomElement(using: &random)!
          calls.append(call)
        }
      }
    }
  }
  calls.append(Interpreter.Call(architecture: 0x1234, number: 1))
  return calls
}

/// A profile of everything that the specification has, different for every seed.
///
/// - Parameter isOrderly: several rules on one call only where libseccomp gets them right. It merges them into one tree in
///   which a branch that was taken is not left again, so that `a < 0x2_0000_0005 or a <= 0x3_0000_0000` misses
///   0x2_0000_0006. The compiler here has no such gap: see `Meaning`.
func randomProfile(seed: UInt64, names: [String], isOrderly: Bool) -> Spec.Seccomp {
  var random = Seeded(state: seed)
  let actions: [Spec.SeccompAction] = [.allow, .errno, .errno, .killProcess, .killThread, .log, .trap, .trace]
  var profile = Spec.Seccomp(defaultAction: actions.randomElement(using: &random)!)
  if profile.defaultAction.takesErrno { profile.defaultErrnoRet = [nil, 1, 38, 5].randomElement(using: &random)! }
  let notifies = seed % 3 == 0
  profile.listenerPath = notifies ? "/run/agent.sock" : nil
  profile.architectures = Machine.allCases.flatMap(\.interfaces).map(\.name).filter { _ in Bool.random(using: &random) }
  // The listener leaves by sendmsg, so nothing may stand in its way.
  var pool = names.filter { !notifies || $0 != "sendmsg" }.shuffled(using: &random)
  if notifies { profile.syscalls.append(Spec.SeccompRule(names: ["sendmsg"], action: .allow)) }
  for _ in 0..<Int.random(in: 1...20, using: &random) {
    let count = min(pool.count, [1, 1, 2, 30].randomElement(using: &random)!)
    guard count > 0 else { break }
    let chosen = Array(pool.prefix(count))
    if isOrderly { pool.removeFirst(count) } else { pool.shuffle(using: &random) }
    let action = (notifies ? actions + [.notify, .notify] : actions).randomElement(using: &random)!
    let errno: UInt32? = action.takesErrno ? [nil, 1, 38, 13].randomElement(using: &random)! : nil
    if Bool.random(using: &random) {
      profile.syscalls.append(Spec.SeccompRule(names: chosen, action: action, errnoRet: errno))
      continue
    }
    let few = Array(chosen.prefix(2))
    if isOrderly {
      let conditions = orderly(&random)
      profile.syscalls += conditions.map {
        Spec.SeccompRule(names: few, action: action, errnoRet: errno, args: $0)
      }
      continue
    }
    for _ in 0..<Int.random(in: 1...8, using: &random) {
      let conditions = (0..<Int.random(in: 1...3, using: &random)).map { _ in
        condition(on: UInt32.random(in: 0...[0, 2, 5].randomElement(using: &random)!, using: &random), &random)
      }
      profile.syscalls.append(Spec.SeccompRule(names: few, action: action, errnoRet: errno, args: conditions))
    }
  }
  return profile
}

private func value(_ random: inout Seeded) -> UInt64 {
  switch Int.random(in: 0...5, using: &random) {
  case 0: UInt64.random(in: 0...4, using: &random)
  case 1: 1 << UInt64.random(in: 0...63, using: &random)
  case 2: .max
  case 3: UInt64.random(in: 0xffff_fff0...0x1_0000_0010, using: &random)
  default: random.next()
  }
}

/// One rule on several arguments, or several values of one (in 32 bits, as every profile in use has them).
private func orderly(_ random: inout Seeded) -> [[Spec.SeccompArgument]] {
  if Bool.random(using: &random) {
    let indices = (0..<6).map(UInt32.init).shuffled(using: &random).prefix(Int.random(in: 1...4, using: &random))
    return [indices.map { condition(on: $0, &random) }]
  }
  let index = UInt32.random(in: 0...5, using: &random)
  let values = Set((0..<Int.random(in: 1...8, using: &random)).map { _ in value(&random) & 0xffff_ffff })
  return values.sorted().map { [Spec.SeccompArgument(index: index, value: $0, op: .equal)] }
}

private func condition(on index: UInt32, _ random: inout Seeded) -> Spec.SeccompArgument {
  Spec.SeccompArgument(
    index: index, value: value(&random), valueTwo: value(&random),
    op: Spec.SeccompOperator.allCases.randomElement(using: &random)!)
}
