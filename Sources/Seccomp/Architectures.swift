extension Machine {
  /// Whether the specification has an architecture of that name, of whatever machine: `SCMP_ARCH_X86_64`.
  package static func isArchitecture(_ name: String) -> Bool {
    BinaryInterface.isKnown(name)
  }
}
