internal import CKernel

/// A process by its number. Numbers are reused: hold a pidfd where that matters.
package typealias ProcessIdentifier = Int32

package func processIdentifier() -> ProcessIdentifier {
  ProcessIdentifier(truncatingIfNeeded: ckernel_syscall(Int(SYS_getpid), 0, 0, 0, 0, 0, 0))
}

package func parentProcessIdentifier() -> ProcessIdentifier {
  ProcessIdentifier(truncatingIfNeeded: ckernel_syscall(Int(SYS_getppid), 0, 0, 0, 0, 0, 0))
}

package func effectiveUser() -> UInt32 {
  UInt32(truncatingIfNeeded: ckernel_syscall(Int(SYS_geteuid), 0, 0, 0, 0, 0, 0))
}

package func effectiveGroup() -> UInt32 {
  UInt32(truncatingIfNeeded: ckernel_syscall(Int(SYS_getegid), 0, 0, 0, 0, 0, 0))
}

/// Whether the file of this program gave it the rights of another user or group than its caller's: it is set-user-ID or
/// set-group-ID.
package func hasRightsOfItsFile() -> Bool {
  ckernel_syscall(Int(SYS_getuid), 0, 0, 0, 0, 0, 0) != Int(effectiveUser())
    || ckernel_syscall(Int(SYS_getgid), 0, 0, 0, 0, 0, 0) != Int(effectiveGroup())
}

/// Leaves at once: no handler, no buffer of stdio, which a cloned child shares with its parent.
package func exitNow(_ code: Int32) -> Never {
  while true { _ = ckernel_syscall(Int(SYS_exit_group), Int(code), 0, 0, 0, 0, 0) }
}

/// Whether there is a process of that number that has not ended. A zombie that nobody reaps has (proc_pid_stat(5)).
package func isRunning(_ process: ProcessIdentifier) -> Bool {
  guard process > 0, let text = try? readText("/proc/\(process)/stat", limit: 4096),
    // The name in parentheses may itself hold parentheses.
    let state = text.split(separator: ")").last?.first(where: { $0 != " " })
  else { return false }
  return state != "Z" && state != "X"
}

/// A pidfd of a running process (Linux 5.3). Where a filter hides the call, its directory of procfs, which signals go to as
/// well and which never comes to mean another process; only it cannot be polled for the process's end.
package func openProcess(_ process: ProcessIdentifier) throws(Fault) -> Descriptor {
  do throws(Fault) {
    return Descriptor(
      owning: Int32(try systemCall("pidfd_open", Int(SYS_pidfd_open), Int(process), 0, arguments: "\(process)")))
  } catch {
    guard error.errno == .noSystemCall else { throw error }
    return try open("/proc/\(process)", [.readOnly, .directory])
  }
}

package func sendSignal(_ signal: Int32, to pidfd: BorrowedDescriptor) throws(Fault) {
  _ = try systemCall(
    "pidfd_send_signal", Int(SYS_pidfd_send_signal), pidfd.argument, Int(signal), 0, 0,
    arguments: "\(pidfd.description), \(signal)")
}

package func sendSignal(_ signal: Int32, toProcess process: ProcessIdentifier) throws(Fault) {
  _ = try systemCall("kill", Int(SYS_kill), Int(process), Int(signal), arguments: "\(process), \(signal)")
}
