internal import CKernel

/// ST_* of the mount that the file was reached through (statfs(2), f_flags).
package func fileSystemFlags(of descriptor: BorrowedDescriptor) throws(Fault) -> Int {
  var buffer = statfs()
  _ = try withMutableAddress(of: &buffer) { (base) throws(Fault) in
    try systemCall("fstatfs", Int(SYS_fstatfs), descriptor.argument, base, arguments: descriptor.description)
  }
  return Int(buffer.f_flags)
}
