internal import CKernel

/// Runs `body` with the ids that this thread makes and opens files with (setfsuid(2), setfsgid(2)) changed, and with the
/// capabilities that it had. The change is taken back whatever happens.
package func withFileSystemIdentity<Result: ~Copyable>(
  user: UInt32, group: UInt32, _ body: () throws(Fault) -> Result
) throws(Fault) -> Result {
  let capabilities = try processCapabilities()
  let before = (
    user: ckernel_syscall(Int(SYS_setfsuid), Int(user), 0, 0, 0, 0, 0),
    group: ckernel_syscall(Int(SYS_setfsgid), Int(group), 0, 0, 0, 0, 0)
  )
  defer {
    _ = ckernel_syscall(Int(SYS_setfsgid), before.group, 0, 0, 0, 0, 0)
    _ = ckernel_syscall(Int(SYS_setfsuid), before.user, 0, 0, 0, 0, 0)
  }
  // Leaving id 0 takes the file capabilities out of the effective set (capabilities(7)); coming back gives them again.
  try setProcessCapabilities(capabilities)
  return try body()
}
