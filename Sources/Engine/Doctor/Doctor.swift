package import JSON

// `skiff doctor`: what a container needs of the host, looked at one by one. A check is a small function of what is known of
// the host, so that each of them can be shown a host that is ill.

/// What one check found.
package struct HostFinding: Hashable, Sendable {
  package enum Verdict: String, Sendable {
    case fine
    /// Something that some containers want.
    case warning
    /// No container runs like this.
    case broken
  }

  package var verdict: Verdict
  package var found: String
  /// The exact line that mends it, to be typed into a shell, or what to do where no line can.
  package var cure: String?

  static func fine(_ found: String) -> HostFinding { HostFinding(verdict: .fine, found: found) }
  static func warning(_ found: String, cure: String) -> HostFinding {
    HostFinding(verdict: .warning, found: found, cure: cure)
  }
  static func broken(_ found: String, cure: String) -> HostFinding {
    HostFinding(verdict: .broken, found: found, cure: cure)
  }
}

/// One question about the host.
package struct HostCheck: Sendable {
  package var name: String
  package var look: @Sendable (CheckedHost) -> HostFinding

  init(_ name: String, _ look: @escaping @Sendable (CheckedHost) -> HostFinding) {
    self.name = name
    self.look = look
  }

  /// All of them, in the order in which a start would fail.
  package static let all: [HostCheck] =
    kernelChecks + groupChecks + storeChecks + networkChecks + userChecks + programChecks
}

/// A check and its answer.
package struct HostReport: Sendable {
  package var name: String
  package var finding: HostFinding

  package static func all(of facts: CheckedHost) -> [HostReport] {
    HostCheck.all.map { HostReport(name: $0.name, finding: $0.look(facts)) }
  }

  package var json: JSONValue {
    [
      "Name": .string(name), "Verdict": .string(finding.verdict.rawValue), "Found": .string(finding.found),
      "Cure": finding.cure.map(JSONValue.string) ?? .null,
    ]
  }
}
