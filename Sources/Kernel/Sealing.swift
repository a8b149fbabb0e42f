internal import CKernel

/// F_ADD_SEALS: nobody shrinks, grows, writes or unseals the memory file any more, not even its maker.
package func sealMemoryFile(_ file: BorrowedDescriptor) throws(Fault) {
  let seals = 0x1 | 0x2 | 0x4 | 0x8  // F_SEAL_SEAL, SHRINK, GROW, WRITE
  _ = try systemCall(
    "fcntl", Int(SYS_fcntl), file.argument, 1033, seals, arguments: "\(file.description), F_ADD_SEALS")
}

/// F_GET_SEALS: whether nobody can write to this memory file any more. False for a file of any other kind.
package func isSealedAgainstWrites(_ file: BorrowedDescriptor) -> Bool {
  let seals = try? systemCall("fcntl", Int(SYS_fcntl), file.argument, 1034)
  return seals.map { $0 & 0x8 != 0 } ?? false
}
