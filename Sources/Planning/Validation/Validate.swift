package import RuntimeSpec
internal import Kernel
internal import Steps

/// Something in a configuration, by its place: why it is refused, or why it counts for nothing.
package typealias SpecFault = PlanningError

/// What there is to say about a configuration.
package struct SpecReport: Hashable, Sendable {
  /// Each of them alone is reason enough to make no container.
  package var faults: [SpecFault]
  /// What is passed over.
  package var warnings: [SpecFault]
  /// What is passed over as well, but stands in configurations that nobody wrote by hand: for who looks closely.
  package var notes: [SpecFault] = []
}

/// Holds a whole configuration against the specification (config.md, config-linux.md, version 1.3) and against what the
/// kernel takes whatever the host. Pure: beside the configuration it knows only the facts that it is given.
///
/// - Parameter host: nil leaves out what only a host can tell.
package func validate(_ spec: Spec, on host: HostFacts? = nil) -> SpecReport {
  var validator = SpecValidator(spec, host)
  validator.checkDocument()
  validator.checkHooks()
  if let process = spec.process {
    validator.check(process)
  } else {
    validator.faults.add("process", "is missing: there is nothing to run")
  }
  validator.checkMounts()
  if let linux = spec.linux {
    validator.checkNamespaces(of: linux)
    validator.checkDevices(of: linux)
    validator.checkPaths(of: linux)
    validator.checkPlacement(of: linux)
    if let resources = linux.resources { validator.check(resources) }
    if let seccomp = linux.seccomp { validator.check(seccomp) }
  } else {
    validator.faults.add("linux.namespaces", "is missing: without a mount namespace the host's mounts would change")
  }
  return validator.report
}

/// Holds the process that is to enter a container, whose configuration is `spec`, against the specification.
package func validate(_ process: Spec.Process, in spec: Spec, on host: HostFacts? = nil) -> SpecReport {
  var validator = SpecValidator(spec, host)
  validator.check(process)
  return validator.report
}

struct SpecValidator {
  let spec: Spec
  let host: HostFacts?
  var faults = FaultList()
  var warnings = FaultList()
  var notes = FaultList()
  /// Namespaces that are made or joined.
  let own: Namespaces
  let made: Namespaces

  init(_ spec: Spec, _ host: HostFacts?) {
    self.spec = spec
    self.host = host
    var (own, made): (Namespaces, Namespaces) = ([], [])
    for namespace in spec.linux?.namespaces ?? [] {
      own.formUnion(namespace.type.flag)
      if namespace.path == nil { made.formUnion(namespace.type.flag) }
    }
    self.own = own
    self.made = made
  }

  var report: SpecReport { SpecReport(faults: faults.all, warnings: warnings.all, notes: notes.all) }

  func has(_ namespace: Namespaces) -> Bool { own.contains(namespace) }
}

// MARK: - The document itself

extension SpecValidator {
  mutating func checkDocument() {
    checkVersion()
    if let root = spec.root {
      faults.require(!root.path.isEmpty, "root.path", "is missing")
    } else {
      faults.add("root", "is missing: a container has a root")
    }
    if let name = spec.hostname { checkName(name, "hostname") }
    if let name = spec.domainname { checkName(name, "domainname") }
    if spec.annotations[""] != nil { faults.add("annotations", "there is one without a name") }
  }

  /// Semantic versioning; runtimes of 1.x take every 1.x.
  private mutating func checkVersion() {
    let text = spec.ociVersion
    guard !text.isEmpty else { return faults.add("ociVersion", "is missing: it is a version such as 1.3.0") }
    guard let major = Self.majorVersion(text) else {
      return faults.add("ociVersion", "\"\(text)\" is no semantic version, such as 1.3.0")
    }
    faults.require(major == 1, "ociVersion", "\(text) is of another major version than 1")
  }

  /// `MAJOR.MINOR.PATCH[-WORD.WORD][+WORD.WORD]`
  static func majorVersion(_ text: String) -> Int? {
    let build = text.utf8.split(separator: UInt8(ascii: "+"), maxSplits: 1, omittingEmptySubsequences: false)
    let release = build[0].split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
    let numbers = release[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard numbers.count == 3, numbers.allSatisfy(isNumber) else { return nil }
    for words in build.dropFirst() + release.dropFirst() {
      let words = words.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      guard words.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isWordByte) }) else { return nil }
    }
    return Int(String(numbers[0]) ?? "")
  }

  private static func isNumber(_ text: Substring.UTF8View) -> Bool {
    guard let first = text.first, text.count <= 9 else { return false }
    return (first != UInt8(ascii: "0") || text.count == 1)
      && text.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a) || byte == UInt8(ascii: "-")
  }

  /// sethostname(2): a namespace of its own, or the host would be renamed.
  private mutating func checkName(_ name: String, _ path: String) {
    faults.require(
      has(.uts), path, "needs a UTS namespace of the container's own", hint: "add one to linux.namespaces")
    faults.require(name.utf8.count <= 64, path, "is longer than 64 bytes")
  }

  mutating func checkHooks() {
    let hooks = spec.hooks
    check(hooks.prestart, "prestart")
    check(hooks.createRuntime, "createRuntime")
    check(hooks.createContainer, "createContainer")
    check(hooks.startContainer, "startContainer")
    check(hooks.poststart, "poststart")
    check(hooks.poststop, "poststop")
  }

  private mutating func check(_ hooks: [Spec.Hook], _ list: String) {
    for (index, hook) in hooks.enumerated() {
      faults.require(
        hook.path.utf8.first == UInt8(ascii: "/"), "hooks.\(list)[\(index)].path",
        hook.path.isEmpty ? "is missing" : "\"\(hook.path)\" is not an absolute path")
      if let timeout = hook.timeout {
        faults.require(timeout > 0, "hooks.\(list)[\(index)].timeout", "\(timeout) is not greater than zero")
      }
      checkEnvironment(hook.env, "hooks.\(list)[\(index)].env")
    }
  }

  /// What has no `=` is passed on as it is, which most programs never see.
  mutating func checkEnvironment(_ variables: [String], _ path: @autoclosure () -> String) {
    for (index, variable) in variables.enumerated() {
      guard let sign = variable.utf8.firstIndex(of: UInt8(ascii: "=")) else {
        faults.add("\(path())[\(index)]", "\"\(variable)\" is not NAME=VALUE")
        continue
      }
      faults.require(
        sign != variable.utf8.startIndex, "\(path())[\(index)]", "\"\(variable)\" has no name before the =")
      faults.require(!variable.utf8.contains(0), "\(path())[\(index)]", "holds a NUL")
    }
  }
}
