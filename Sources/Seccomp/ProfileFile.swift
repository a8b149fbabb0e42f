internal import JSON
package import Kernel
package import RuntimeSpec

/// Docker's profile files (`--security-opt seccomp=FILE`): the OCI object, and rules that hold for some capabilities,
/// architectures and kernels only.
package struct ProfileFile {
  /// What the conditions are asked about.
  package struct Conditions: Sendable {
    package var granted: CapabilitySet
    package var machine: Machine
    /// Version and major revision of the kernel: 6, 18.
    package var kernel: (UInt64, UInt64)
    package init(granted: CapabilitySet, machine: Machine = .current, kernel: (UInt64, UInt64)) {
      self.granted = granted
      self.machine = machine
      self.kernel = kernel
    }

    /// - Parameter release: as uname(2) gives it: `6.18.44-generic`.
    package init?(granted: CapabilitySet, machine: Machine = .current, release: String) {
      let parts = release.split(separator: ".", maxSplits: 2)
      guard parts.count >= 2, let version = UInt64(parts[0]), let major = UInt64(parts[1].prefix { $0.isNumber }) else {
        return nil
      }
      self.init(granted: granted, machine: machine, kernel: (version, major))
    }
  }

  /// The profile for this container; nil when the file asks for no filter (no default action and no rules).
  package static func resolve(_ bytes: [UInt8], for conditions: Conditions) throws(ProfileFileError) -> Spec.Seccomp? {
    let document: JSONValue
    do throws(JSONError) { document = try JSONValue(parsing: bytes) } catch { throw .malformed(error.description) }
    guard let object = document.object else { throw .malformed("it is not an object") }
    let rules = try list(object["syscalls"], "syscalls")
    guard let word = object["defaultAction"] else {
      if rules.isEmpty { return nil }
      throw .malformed("defaultAction is missing")
    }
    var profile = Spec.Seccomp(defaultAction: try action(word))
    profile.defaultErrnoRet = try errno(object["defaultErrnoRet"])
    let flags = try strings(object["flags"], "flags")
    // Docker writes no empty list into a configuration.
    profile.flags = flags.isEmpty ? nil : flags
    profile.architectures = try strings(object["architectures"], "architectures")
    let map = try list(object["archMap"], "archMap")
    if !map.isEmpty && !profile.architectures.isEmpty { throw .malformed("both architectures and archMap are given") }
    for entry in map where entry["architecture"]?.string == conditions.machine.interfaces[0].name {
      profile.architectures =
        [conditions.machine.interfaces[0].name] + (try strings(entry["subArchitectures"], "subArchitectures"))
      break
    }
    for rule in rules where try holds(rule, conditions) { profile.syscalls.append(try read(rule)) }
    return profile
  }

  private static func holds(_ rule: JSONValue, _ conditions: Conditions) throws(ProfileFileError) -> Bool {
    if let excludes = rule["excludes"], !excludes.isNull {
      if try strings(excludes["arches"], "arches").contains(conditions.machine.dockerName) { return false }
      for name in try strings(excludes["caps"], "caps") where has(name, conditions) { return false }
      if let least = try version(excludes["minKernel"]), conditions.kernel >= least { return false }
    }
    if let includes = rule["includes"], !includes.isNull {
      let arches = try strings(includes["arches"], "arches")
      if !arches.isEmpty && !arches.contains(conditions.machine.dockerName) { return false }
      for name in try strings(includes["caps"], "caps") where !has(name, conditions) { return false }
      if let least = try version(includes["minKernel"]), conditions.kernel < least { return false }
    }
    return true
  }

  private static func has(_ name: String, _ conditions: Conditions) -> Bool {
    CapabilitySet(name: name).map { conditions.granted.isSuperset(of: $0) } ?? false
  }

  private static func read(_ rule: JSONValue) throws(ProfileFileError) -> Spec.SeccompRule {
    var names = try strings(rule["names"], "names")
    if let name = rule["name"]?.string, !name.isEmpty {
      if !names.isEmpty { throw .malformed("both name and names are given in a rule") }
      names = [name]
    }
    guard let word = rule["action"] else { throw .malformed("a rule has no action") }
    var arguments: [Spec.SeccompArgument] = []
    for argument in try list(rule["args"], "args") {
      guard let index = argument["index"]?.unsigned.flatMap(UInt32.init(exactly:)),
        let op = argument["op"]?.string.flatMap(Spec.SeccompOperator.init(rawValue:))
      else { throw .malformed("an argument of \(names.first ?? "a rule") has no index or no known op") }
      arguments.append(
        Spec.SeccompArgument(
          index: index, value: try number64(argument["value"]), valueTwo: try number64(argument["valueTwo"]), op: op))
    }
    return Spec.SeccompRule(
      names: names, action: try action(word),
      errnoRet: try errno(rule["errnoRet"]), args: arguments)
  }

  private static func action(_ value: JSONValue) throws(ProfileFileError) -> Spec.SeccompAction {
    guard let word = value.string else { throw .malformed("an action is not a text") }
    guard let action = Spec.SeccompAction(rawValue: word) else { throw .malformed("unknown action \"\(word)\"") }
    return action
  }

  private static func errno(_ value: JSONValue?) throws(ProfileFileError) -> UInt32? {
    guard let value, !value.isNull else { return nil }
    guard let number = value.unsigned.flatMap(UInt32.init(exactly:)) else { throw .malformed("an errno is no number") }
    return number
  }

  private static func number64(_ value: JSONValue?) throws(ProfileFileError) -> UInt64 {
    guard let value else { return 0 }
    guard let number = value.unsigned else { throw .malformed("the value of an argument is no number") }
    return number
  }

  private static func list(_ value: JSONValue?, _ key: String) throws(ProfileFileError) -> [JSONValue] {
    guard let value, !value.isNull else { return [] }
    guard let list = value.array else { throw .malformed("\(key) is not a list") }
    return list
  }

  private static func strings(_ value: JSONValue?, _ key: String) throws(ProfileFileError) -> [String] {
    var found: [String] = []
    for element in try list(value, key) {
      guard let text = element.string else { throw .malformed("\(key) holds what is not a text") }
      found.append(text)
    }
    return found
  }

  /// `4.8`.
  private static func version(_ value: JSONValue?) throws(ProfileFileError) -> (UInt64, UInt64)? {
    guard let text = value?.string, !text.isEmpty else { return nil }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let version = UInt8(parts[0]), let major = UInt8(parts[1]), (version, major) != (0, 0)
    else {
      throw .malformed("invalid kernel version \"\(text)\": it is <version>.<major>, such as 4.8")
    }
    return (UInt64(version), UInt64(major))
  }
}

/// Why a profile file is refused.
package enum ProfileFileError: Error, Hashable, Sendable {
  case malformed(String)
}

extension ProfileFileError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .malformed(let reason): "not a seccomp profile: \(reason)"
    }
  }
}
