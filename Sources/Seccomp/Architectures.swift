extension Machine {
  /// Whether the specification has an architecture of that name, of whatever machine: `SCMP_ARCH_X86_64`.
  package static func isArchitecture(_ name: String) -> Bool {
    BinaryInterface.isKnown(name)
  }
}

extension Machine {
  /// The name of a system call as a record of the kernel's has it (audit type 1326); nil for one that no table has.
  ///
  /// - Parameters:
  ///   - number: with what the interface adds to it.
  ///   - audit: AUDIT_ARCH_* of the caller.
  package static func name(ofSystemCall number: UInt32, audit: UInt32) -> String? {
    let table = SystemCallTable.shared
    for interface in allCases.flatMap(\.interfaces) where interface.audit == audit && number >= interface.base {
      for row in 0..<table.count
      where table.number(row: row, column: interface.column) == number - interface.base {
        return table.name(ofRow: row)
      }
    }
    return nil
  }
}
