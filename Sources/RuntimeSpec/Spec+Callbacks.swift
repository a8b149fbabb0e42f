package import JSON

extension Spec {
  /// Whom a configuration wants to be told of a container's life: what is left to read of it when the container has been made.
  package struct Callbacks: Hashable, Sendable {
    package var hooks = Hooks()
    /// Without its rules: `listenerPath` names an agent.
    package var seccomp: Seccomp?
    package init() {}
  }
}

extension Spec.Callbacks: JSONReadable {
  package static var jsonLimits: JSONLimits { Spec.jsonLimits }

  /// The same document as a `Spec`, read briefly whatever the reader says.
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    reader.isBrief = true
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "hooks": hooks = try reader.value()
      case "linux": try readLinux(from: &reader)
      default: try reader.skip()
      }
    }
  }

  private mutating func readLinux(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "seccomp": seccomp = try Spec.Seccomp.read(from: &reader)
      default: try reader.skip()
      }
    }
  }
}
