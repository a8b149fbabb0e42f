package import Kernel

/// What the engine throws: for a person to read, with the exit code that docker gives for it.
package struct Failure: Error, Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// The request makes no sense: a bad flag value, a name that breaks the rule.
    case usage
    case notFound
    /// Somebody else has the name, or the container is in the wrong state.
    case conflict
    /// The host refused: the kernel, the disk, a missing controller.
    case host
    /// The program could not be executed (126) or found (127).
    case notExecutable, programNotFound
  }

  package var kind: Kind
  /// The thing and the reason, lower case.
  package var message: String
  /// What to do about it.
  package var hint: String?

  package init(_ kind: Kind, _ message: String, hint: String? = nil) {
    self.kind = kind
    self.message = message
    self.hint = hint
  }

  /// A fault of a lower floor, said of the thing that it happened to.
  package init(_ what: String, _ fault: Fault) {
    var plain = fault
    plain.hint = nil
    self.init(.host, "\(what): \(plain)", hint: fault.hint ?? fault.usualHint)
  }

  package var exitCode: Int32 {
    switch kind {
    case .usage, .notFound, .conflict, .host: 125
    case .notExecutable: 126
    case .programNotFound: 127
    }
  }
}
