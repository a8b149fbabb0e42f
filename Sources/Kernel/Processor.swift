internal import CKernel

/// The level of the x86-64 psABI, 1 to 4, that programs may use here; 1 on other machines.
package func processorLevel() -> Int { Int(ckernel_processor_level()) }

/// How many processors this process may run on (sched_getaffinity(2)); nil where that cannot be told.
package func availableProcessors() -> Int? {
  var mask = [UInt64](repeating: 0, count: 128)
  let bytes = try? mask.withMutableAddress { (base) throws(Fault) in
    try systemCall("sched_getaffinity", Int(SYS_sched_getaffinity), 0, 1024, base)
  }
  guard bytes != nil else { return nil }
  return mask.reduce(0) { $0 + $1.nonzeroBitCount }
}

/// Whether the mount that a file was reached through refuses to execute it (MS_NOEXEC).
package func refusesExecution(_ file: BorrowedDescriptor) throws(Fault) -> Bool {
  var buffer = statfs()
  _ = try withMutableAddress(of: &buffer) { (base) throws(Fault) in
    try systemCall("fstatfs", Int(SYS_fstatfs), file.argument, base, arguments: file.description)
  }
  return buffer.f_flags & 8 != 0
}
