import RuntimeSpec

@testable import Seccomp

/// What a profile says of a call, read rule by rule from the specification: slow, and with nothing of the compiler in it.
struct Meaning {
  let profile: Spec.Seccomp
  let interfaces: [BinaryInterface]
  /// By column of the table.
  private var rules: [[UInt32: [Spec.SeccompRule]]] = []
  private var highest: [(UInt32?, UInt32?)] = []

  init(_ profile: Spec.Seccomp, machine: Machine) {
    self.profile = profile
    let all = machine.interfaces
    interfaces = all.filter { $0.name == all[0].name || profile.architectures.contains($0.name) }
    let table = SystemCallTable.shared
    var byName: [String: [Int]] = [:]
    for (index, rule) in profile.syscalls.enumerated() {
      for name in rule.names { byName[name, default: []].append(index) }
    }
    for column in 0..<SystemCallTable.columns {
      var byNumber: [UInt32: Set<Int>] = [:]
      var most: (UInt32?, UInt32?)
      for row in 0..<table.count {
        guard let number = table.number(row: row, column: column) else { continue }
        guard let indices = byName[table.name(ofRow: row)] else { continue }
        byNumber[number, default: []].formUnion(indices)
        if number < 0xf_0000 { most.0 = max(most.0 ?? 0, number) } else { most.1 = max(most.1 ?? 0, number) }
      }
      rules.append(byNumber.mapValues { $0.sorted().map { profile.syscalls[$0] } })
      highest.append(most)
    }
  }

  /// Nil where the call is above all that the profile names: see `hidesUnknown`.
  func verdict(_ call: Interpreter.Call) -> UInt32? {
    let isX32 = call.architecture == 0xc000_003e && call.number & 0x4000_0000 != 0
    let base: UInt32 = isX32 ? 0x4000_0000 : 0
    guard let interface = interfaces.first(where: { $0.audit == call.architecture && $0.base == base }) else {
      // A tracer's -1 is no call of x32.
      return isX32 && call.number == .max && interfaces[0] == .x86Wide
        ? value(profile.defaultAction, profile.defaultErrnoRet) : 0
    }
    let number = call.number - base
    // On arm a second block of numbers starts at 0xf0000.
    let (first, second) = highest[interface.column]
    if number < 0xf_0000 ? number > first ?? .max : second != nil ? number > second! : first != nil { return nil }
    let rules = (rules[interface.column][number] ?? []).filter { !isDefault($0) }
    if let always = rules.first(where: { $0.args.isEmpty }) { return value(always.action, always.errnoRet) }
    for rule in rules where holds(rule.args, call, interface) { return value(rule.action, rule.errnoRet) }
    return value(profile.defaultAction, profile.defaultErrnoRet)
  }

  private func isDefault(_ rule: Spec.SeccompRule) -> Bool {
    value(rule.action, rule.errnoRet) == value(profile.defaultAction, profile.defaultErrnoRet)
  }

  private func holds(_ conditions: [Spec.SeccompArgument], _ call: Interpreter.Call, _ interface: BinaryInterface)
    -> Bool
  {
    let each = conditions.map { holds($0, call.arguments[Int($0.index)], interface) }
    return Set(conditions.map(\.index)).count == conditions.count ? !each.contains(false) : each.contains(true)
  }

  private func holds(_ condition: Spec.SeccompArgument, _ argument: UInt64, _ interface: BinaryInterface) -> Bool {
    let width: UInt64 = interface.isNarrow ? 0xffff_ffff : .max
    let (argument, value, two) = (argument & width, condition.value & width, condition.valueTwo & width)
    return switch condition.op {
    case .notEqual: argument != value
    case .less: argument < value
    case .lessOrEqual: argument <= value
    case .equal: argument == value
    case .greaterOrEqual: argument >= value
    case .greater: argument > value
    case .maskedEqual: argument & value == two & value
    }
  }

  private func value(_ action: Spec.SeccompAction, _ errno: UInt32?) -> UInt32 {
    switch action {
    case .kill, .killThread: 0
    case .killProcess: 0x8000_0000
    case .trap: 0x0003_0000
    case .errno: 0x0005_0000 + (errno ?? 1)
    case .trace: 0x7ff0_0000 + (errno ?? 1)
    case .allow: 0x7fff_0000
    case .log: 0x7ffc_0000
    case .notify: 0x7fc0_0000
    }
  }
}
