internal import Kernel
internal import RuntimeSpec
internal import Steps

/// What is wrong with a configuration, gathered rather than thrown, so that a person sees all of it at once.
///
/// Paths and reasons are put together only when there is a fault: a good configuration is checked on every start.
struct FaultList {
  private(set) var all: [PlanningError] = []

  mutating func add(_ path: String, _ reason: String, hint: String? = nil) {
    all.append(PlanningError(path, reason, hint: hint))
  }

  /// Adds a fault unless `isMet`.
  @inline(__always)
  mutating func require(
    _ isMet: Bool, _ path: @autoclosure () -> String, _ reason: @autoclosure () -> String, hint: String? = nil
  ) {
    if !isMet { add(path(), reason(), hint: hint) }
  }

  /// The list of numbers, nil with a fault where it is none.
  mutating func numbers(_ text: String, _ path: @autoclosure () -> String) -> NumberList? {
    do throws(NumberListError) { return try NumberList(parsing: text) } catch {
      add(path(), error.reason)
      return nil
    }
  }

  /// The word's value in a table, nil with a fault that names the known words.
  mutating func lookUp<Value>(
    _ word: String, in table: [(name: String, value: Value)], _ path: @autoclosure () -> String
  ) -> Value? {
    for entry in table where entry.name == word { return entry.value }
    let known = table.map(\.name).joined(separator: ", ")
    add(path(), word.isEmpty ? "is missing: it is one of \(known)" : "\"\(word)\" is none of \(known)")
    return nil
  }

  /// All flags of a table in one word.
  mutating func flags<Word: FixedWidthInteger>(
    _ words: [String], in table: [(name: String, value: Word)], _ path: String
  ) -> Word {
    var flags: Word = 0
    for (index, word) in words.enumerated() {
      if let flag = lookUp(word, in: table, "\(path)[\(index)]") { flags |= flag }
    }
    return flags
  }

  /// Labels that this host cannot give.
  mutating func checkLabels(of process: Spec.Process?, _ linux: Spec.Linux?, on modules: SecurityModules) {
    let reason = "selinux label is specified in config, but selinux is disabled or not supported"
    require(
      process?.apparmorProfile == nil || modules.hasAppArmor, "process.apparmorProfile",
      "apparmor failed to apply profile: apparmor is disabled or not supported on this host")
    require(process?.selinuxLabel == nil || modules.hasSELinux, "process.selinuxLabel", reason)
    require(linux?.mountLabel == nil || modules.hasSELinux, "linux.mountLabel", reason)
  }
}
