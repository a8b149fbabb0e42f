internal import CKernel

/// How a process ended (waitid(2)).
package enum ExitStatus: Hashable, Sendable {
  case exited(Int32)
  case killed(signal: Int32, coreDumped: Bool)

  /// As a shell and docker give it: 128 + n for signal n.
  package var code: Int32 {
    switch self {
    case .exited(let code): code
    case .killed(let signal, _): 128 + signal
    }
  }
}

/// Whom `wait` waits for.
package enum WaitTarget: Sendable {
  case anyChild
  case process(ProcessIdentifier)
  case pidfd(BorrowedDescriptor)
}

/// Reaps one child. Without `block` the answer is nil while none has ended.
package func wait(
  for target: WaitTarget, block: Bool = true
) throws(Fault) -> (process: ProcessIdentifier, status: ExitStatus)? {
  let (kind, identifier): (UInt32, Int) =
    switch target {
    case .anyChild: (0, 0)
    case .process(let process): (1, Int(process))
    case .pidfd(let pidfd): (3, Int(pidfd.rawValue))
    }
  // siginfo_t is 128 bytes: si_signo, si_errno, si_code, then (64-bit) padding, si_pid, si_uid, si_status.
  var information = [Int32](repeating: 0, count: 32)
  _ = try information.withMutableAddress { (base) throws(Fault) in
    try systemCall(
      "waitid", Int(SYS_waitid), Int(kind), identifier, base, Int(WEXITED | (block ? 0 : WNOHANG)), 0,
      arguments: "\(target)")
  }
  guard information[0] != 0 else { return nil }
  // On 64-bit machines the union after si_code starts on an 8-byte boundary, so one word is padding.
  let (code, process, value) = (information[2], information[4], information[6])
  // CLD_EXITED is 1, CLD_DUMPED 3.
  return (process, code == 1 ? .exited(value) : .killed(signal: value, coreDumped: code == 3))
}
