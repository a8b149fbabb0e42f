package import Steps

/// Which device files may be opened and made: lines of devices.allow in v1, a program in v2.
enum DevicesController: Controller {
  static let nameInV1 = "devices"
  /// In the core of v2: it needs no controller to be enabled.
  static let nameInV2: String? = ""

  static func purpose(in resources: Resources) -> String? {
    DeviceRules(resources.devices).restrictsNothing ? nil : "a choice of devices"
  }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    let rules = DeviceRules(resources.devices)
    for rule in rules.effective where !rule.access.allSatisfy("rwm".contains) || rule.access.isEmpty {
      throw .badValue(of: "device access", value: "\"\(rule.access)\"", allowed: "letters of rwm")
    }
    // A new group may do what the group above it may.
    if rules.restrictsNothing { return [] }
    switch group.version {
    case .v1: return try inV1(rules, group)
    case .v2: return [.allowDevices(group.path, rules.effective)]
    }
  }

  private static func inV1(_ rules: DeviceRules, _ group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    let state = try rules.asExceptions()
    let whole = group.write(state.allowsByDefault ? "devices.allow" : "devices.deny", "a")
    let file = state.allowsByDefault ? "devices.deny" : "devices.allow"
    return [whole] + state.exceptions.map { group.write(file, $0) }
  }
}

/// The rules as v1 and systemd have them: a default, and exceptions from it, each of one kind of device. Nil for rules that have
/// no such form.
package func deviceExceptions(_ rules: [DeviceRule]) -> (allowsByDefault: Bool, exceptions: [DeviceRule])? {
  (try? DeviceRules(rules).asExceptions()).map { ($0.allowsByDefault, $0.exceptions) }
}

extension DeviceRule {
  /// What every container may have, whatever its configuration says (runtime-spec, "Default Devices"): the device files that
  /// are made in /dev, terminals, and mknod of anything, which gives no access yet.
  package static let standard: [DeviceRule] = [
    DeviceRule(allow: true, kind: .character, major: nil, minor: nil, access: "m"),
    DeviceRule(allow: true, kind: .block, major: nil, minor: nil, access: "m"),
    DeviceRule(allow: true, kind: .character, major: 1, minor: 3, access: "rwm"),  // null
    DeviceRule(allow: true, kind: .character, major: 1, minor: 8, access: "rwm"),  // random
    DeviceRule(allow: true, kind: .character, major: 1, minor: 7, access: "rwm"),  // full
    DeviceRule(allow: true, kind: .character, major: 5, minor: 0, access: "rwm"),  // tty
    DeviceRule(allow: true, kind: .character, major: 1, minor: 5, access: "rwm"),  // zero
    DeviceRule(allow: true, kind: .character, major: 1, minor: 9, access: "rwm"),  // urandom
    DeviceRule(allow: true, kind: .character, major: 136, minor: nil, access: "rwm"),  // /dev/pts/*
    DeviceRule(allow: true, kind: .character, major: 5, minor: 2, access: "rwm"),  // ptmx
  ]

  var isWhole: Bool { kind == .all && major == nil && minor == nil && Set(access) == Set("rwm") }
}

/// A list of rules, of which later ones win, and its two other forms.
struct DeviceRules {
  /// From the last rule that speaks of all devices on: what stands before it has no effect.
  var effective: [DeviceRule]

  init(_ rules: [DeviceRule]) {
    let start = rules.lastIndex(where: \.isWhole) ?? rules.startIndex
    effective = Array(rules[start...])
  }

  var restrictsNothing: Bool {
    effective.isEmpty || (effective.count == 1 && effective[0].isWhole && effective[0].allow)
  }

  /// v1's form: a default and exceptions from it, which only name what they are about.
  struct Exceptions {
    var allowsByDefault: Bool
    var exceptions: [DeviceRule]
  }

  func asExceptions() throws(CgroupError) -> Exceptions {
    var state = Exceptions(allowsByDefault: false, exceptions: [])
    for rule in effective {
      if rule.isWhole {
        state = Exceptions(allowsByDefault: rule.allow, exceptions: [])
        continue
      }
      // To the kernel a line that starts with `a` means all devices, whatever numbers follow.
      let kinds: [DeviceRule.Kind] = rule.kind == .all ? [.character, .block] : [rule.kind]
      for kind in kinds {
        var single = rule
        single.kind = kind
        if rule.allow == state.allowsByDefault { try state.remove(single) } else { state.add(single) }
      }
    }
    return state
  }
}

extension DeviceRules.Exceptions {
  fileprivate mutating func add(_ rule: DeviceRule) {
    if let index = exceptions.firstIndex(where: { $0.isAbout(sameAs: rule) }) {
      exceptions[index].access = "rwm".filter { exceptions[index].access.contains($0) || rule.access.contains($0) }
    } else {
      exceptions.append(rule)
    }
  }

  /// The rule agrees with the default, so what was excepted before is so no more. v1 cannot cut a hole into an exception
  /// that speaks of more devices than the rule.
  fileprivate mutating func remove(_ rule: DeviceRule) throws(CgroupError) {
    for index in exceptions.indices {
      let other = exceptions[index]
      guard other.kind == rule.kind, other.access.contains(where: rule.access.contains) else { continue }
      guard meets(other.major, rule.major), meets(other.minor, rule.minor) else { continue }
      guard covers(rule.major, other.major), covers(rule.minor, other.minor) else {
        throw .inexpressibleDevices("\(rule.allow ? "allow" : "deny") \(rule)")
      }
      exceptions[index].access = other.access.filter { !rule.access.contains($0) }
    }
    exceptions.removeAll(where: \.access.isEmpty)
  }

  private func meets(_ a: UInt32?, _ b: UInt32?) -> Bool { a == nil || b == nil || a == b }
  private func covers(_ wide: UInt32?, _ narrow: UInt32?) -> Bool { wide == nil || wide == narrow }
}

extension DeviceRule {
  fileprivate func isAbout(sameAs other: DeviceRule) -> Bool {
    kind == other.kind && major == other.major && minor == other.minor
  }
}
