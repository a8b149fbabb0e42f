internal import CKernel

/// The level of the x86-64 psABI, 1 to 4, that programs may use here; 1 on other machines.
package func processorLevel() -> Int { Int(ckernel_processor_level()) }

/// Whether the mount that a file was reached through refuses to execute it (MS_NOEXEC).
package func refusesExecution(_ file: BorrowedDescriptor) throws(Fault) -> Bool {
  var buffer = statfs()
  _ = try withMutableAddress(of: &buffer) { (base) throws(Fault) in
    try systemCall("fstatfs", Int(SYS_fstatfs), file.argument, base, arguments: file.description)
  }
  return buffer.f_flags & 8 != 0
}
