package import JSON

extension Spec {
  /// A filter of system calls (config-linux.md, "Seccomp").
  package struct Seccomp: Hashable, Sendable {
    package var defaultAction: SeccompAction
    package var defaultErrnoRet: UInt32?
    /// `SCMP_ARCH_X86_64`; the native one is always meant too.
    package var architectures: [String] = []
    /// `SECCOMP_FILTER_FLAG_LOG`. Nil leaves the choice to the runtime; an empty list is a choice: none.
    package var flags: [String]?
    package var listenerPath: String?
    package var listenerMetadata: String?
    /// Not read where a reading is brief (`JSONReader.isBrief`): three quarters of docker's configuration.
    package var syscalls: [SeccompRule] = []
    package init(defaultAction: SeccompAction) { self.defaultAction = defaultAction }
  }

  package enum SeccompAction: String, Hashable, Sendable, CaseIterable {
    /// The same as `killThread`.
    case kill = "SCMP_ACT_KILL"
    case killProcess = "SCMP_ACT_KILL_PROCESS"
    case killThread = "SCMP_ACT_KILL_THREAD"
    case trap = "SCMP_ACT_TRAP"
    case errno = "SCMP_ACT_ERRNO"
    case trace = "SCMP_ACT_TRACE"
    case allow = "SCMP_ACT_ALLOW"
    case log = "SCMP_ACT_LOG"
    case notify = "SCMP_ACT_NOTIFY"
  }

  package struct SeccompRule: Hashable, Sendable {
    package var names: [String]
    package var action: SeccompAction
    package var errnoRet: UInt32?
    /// All must hold.
    package var args: [SeccompArgument]
    package init(
      names: [String], action: SeccompAction, errnoRet: UInt32? = nil, args: [SeccompArgument] = []
    ) {
      self.names = names
      self.action = action
      self.errnoRet = errnoRet
      self.args = args
    }
  }

  package enum SeccompOperator: String, Hashable, Sendable, CaseIterable {
    case notEqual = "SCMP_CMP_NE"
    case less = "SCMP_CMP_LT"
    case lessOrEqual = "SCMP_CMP_LE"
    case equal = "SCMP_CMP_EQ"
    case greaterOrEqual = "SCMP_CMP_GE"
    case greater = "SCMP_CMP_GT"
    /// `argument & value == valueTwo`.
    case maskedEqual = "SCMP_CMP_MASKED_EQ"
  }

  package struct SeccompArgument: Hashable, Sendable {
    /// Of the argument, from 0.
    package var index: UInt32
    package var value: UInt64
    package var valueTwo: UInt64
    package var op: SeccompOperator
    package init(index: UInt32, value: UInt64, valueTwo: UInt64 = 0, op: SeccompOperator) {
      self.index = index
      self.value = value
      self.valueTwo = valueTwo
      self.op = op
    }
  }
}

extension Spec.Seccomp: JSONReadable, JSONWritable {
  package static var jsonLimits: JSONLimits { Spec.jsonLimits }

  package init(from reader: inout JSONReader) throws(JSONError) {
    guard let filter = try Self.read(from: &reader) else { throw reader.error("a filter without defaultAction") }
    self = filter
  }

  /// Nil for an object that says neither what happens to a call nor which: engines write one where there is no filter.
  static func read(from reader: inout JSONReader) throws(JSONError) -> Self? {
    var filter = Self(defaultAction: .errno)
    if try filter.readMembers(of: &reader) { return filter }
    if filter.syscalls.isEmpty { return nil }
    throw reader.error("a filter without defaultAction")
  }

  /// False where defaultAction is missing or empty.
  private mutating func readMembers(of reader: inout JSONReader) throws(JSONError) -> Bool {
    var action: Spec.SeccompAction?
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "defaultAction": action = try reader.choiceOrEmpty()
      case "defaultErrnoRet": defaultErrnoRet = try reader.integer()
      case "architectures": architectures = try reader.strings()
      case "flags": flags = try reader.strings()
      case "listenerPath": listenerPath = try reader.nonEmptyString()
      case "listenerMetadata": listenerMetadata = try reader.nonEmptyString()
      case "syscalls" where !reader.isBrief: syscalls = try reader.list()
      default: try reader.skip()
      }
    }
    if let action { defaultAction = action }
    return action != nil
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("defaultAction", defaultAction.rawValue)
      $0.member("defaultErrnoRet", defaultErrnoRet)
      $0.member("architectures", architectures.nonEmpty)
      $0.member("flags", flags)
      $0.member("listenerPath", listenerPath)
      $0.member("listenerMetadata", listenerMetadata)
      $0.member("syscalls", syscalls.nonEmpty)
    }
  }
}

extension Spec.SeccompRule: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    var action: Spec.SeccompAction?
    self.init(names: [], action: .errno)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "names": names = try reader.strings()
      case "action": action = try reader.choice()
      case "errnoRet": errnoRet = try reader.integer()
      case "args": args = try reader.list()
      default: try reader.skip()
      }
    }
    guard let action else { throw reader.error("a rule without action") }
    self.action = action
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("names", names)
      $0.member("action", action.rawValue)
      $0.member("errnoRet", errnoRet)
      $0.member("args", args.nonEmpty)
    }
  }
}

extension Spec.SeccompArgument: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    var op: Spec.SeccompOperator?
    self.init(index: 0, value: 0, op: .equal)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "index": index = try reader.integer()
      case "value": value = try reader.integer()
      case "valueTwo": valueTwo = try reader.integer()
      case "op": op = try reader.choice()
      default: try reader.skip()
      }
    }
    guard let op else { throw reader.error("an argument without op") }
    self.op = op
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("index", index)
      $0.member("value", value)
      if valueTwo != 0 { $0.member("valueTwo", valueTwo) }
      $0.member("op", op.rawValue)
    }
  }
}
