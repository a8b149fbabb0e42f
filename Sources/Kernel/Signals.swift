internal import CKernel

/// A set of signals as the kernel has it: bit n - 1 is signal n (signal(7)).
package struct SignalSet: FlagWord {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  package init(_ signals: Int32...) {
    rawValue = signals.reduce(0) { $0 | 1 << UInt64($1 - 1) }
  }
  /// The kernel leaves SIGKILL and SIGSTOP out of any mask by itself.
  package static let all = SignalSet(rawValue: .max)
  package func contains(signal: Int32) -> Bool { (1...64).contains(signal) && rawValue >> UInt64(signal - 1) & 1 == 1 }
}

/// The numbers that the code names; `SignalName` has the whole table.
package enum Signal {
  package static let hangUp: Int32 = SIGHUP
  package static let interrupt: Int32 = SIGINT
  package static let quit: Int32 = SIGQUIT
  package static let kill: Int32 = SIGKILL
  package static let illegalInstruction: Int32 = SIGILL
  package static let busError: Int32 = SIGBUS
  package static let segmentationFault: Int32 = SIGSEGV
  package static let badSystemCall: Int32 = SIGSYS
  package static let user1: Int32 = SIGUSR1
  package static let user2: Int32 = SIGUSR2
  package static let pipe: Int32 = SIGPIPE
  package static let terminate: Int32 = SIGTERM
  package static let child: Int32 = SIGCHLD
  package static let `continue`: Int32 = SIGCONT
  package static let stop: Int32 = SIGSTOP
  package static let terminalStop: Int32 = SIGTSTP
  package static let terminalInput: Int32 = SIGTTIN
  package static let terminalOutput: Int32 = SIGTTOU
  package static let windowChange: Int32 = SIGWINCH
  package static let urgent: Int32 = SIGURG
}

/// How a mask is changed.
package enum SignalMaskChange: Int32, Sendable { case block, unblock, set }

/// rt_sigprocmask(2) of the calling thread: the mask before.
@discardableResult
package func setSignalMask(_ change: SignalMaskChange, _ signals: SignalSet) throws(Fault) -> SignalSet {
  var new = [signals.rawValue]
  var old: [UInt64] = [0]
  // The raw call: glibc's keeps back its two internal signals, and a child of clone3 has no valid thread descriptor.
  _ = try new.withMutableAddress { (new_) throws(Fault) in
    try old.withMutableAddress { (old_) throws(Fault) in
      try systemCall("rt_sigprocmask", Int(SYS_rt_sigprocmask), Int(change.rawValue), new_, old_, 8)
    }
  }
  return SignalSet(rawValue: old[0])
}

/// Every signal to its default action, as a new program must find it: ignored ones stay ignored across exec.
package func resetSignalDispositions() {
  // struct sigaction of the kernel: handler, flags, restorer, mask. All zero is SIG_DFL. KILL, STOP: EINVAL, and fine.
  let action: [UInt64] = [0, 0, 0, 0]
  action.withAddress { base in
    for signal in 1...64 { _ = ckernel_syscall(Int(SYS_rt_sigaction), signal, base, 0, 8, 0, 0) }
  }
}

/// SIG_IGN. SIGPIPE so: a write to a closed pipe then answers EPIPE.
package func ignoreSignal(_ signal: Int32) throws(Fault) {
  let action: [UInt64] = [1, 0, 0, 0]
  _ = try action.withAddress { (base) throws(Fault) in
    try systemCall("rt_sigaction", Int(SYS_rt_sigaction), Int(signal), base, 0, 8, arguments: "\(signal), SIG_IGN")
  }
}

/// A signal that a signal descriptor gave (signalfd_siginfo).
package struct SignalReport: Hashable, Sendable {
  package var signal: Int32
  /// Who sent it; for SIGCHLD the child.
  package var process: ProcessIdentifier
  package var user: UInt32
}

/// signalfd(2): signals as something to read. They must be blocked (`setSignalMask`), or their action comes first.
package struct SignalDescriptor: ~Copyable {
  private let descriptor: Descriptor

  package init(_ signals: SignalSet) throws(Fault) {
    let mask = [signals.rawValue]
    let raw = try mask.withAddress { (base) throws(Fault) in
      try systemCall(
        "signalfd4", Int(SYS_signalfd4), -1, base, 8, Int(O_CLOEXEC | O_NONBLOCK),
        arguments: "-1, 0x\(String(signals.rawValue, radix: 16)), SFD_CLOEXEC|SFD_NONBLOCK")
    }
    descriptor = Descriptor(owning: Int32(raw))
  }

  package var borrowed: BorrowedDescriptor { descriptor.borrowed }

  /// The next signal, nil when none is pending.
  package func next() throws(Fault) -> SignalReport? {
    // struct signalfd_siginfo, 128 bytes: u32 signo, s32 errno, s32 code, u32 pid, u32 uid, …
    var words = [UInt32](repeating: 0, count: 32)
    do throws(Fault) {
      _ = try words.withMutableAddress { (base) throws(Fault) in
        try systemCall("read", Int(SYS_read), descriptor.borrowed.argument, base, 128, arguments: "signalfd")
      }
    } catch {
      if error.errno == .again { return nil }
      throw error
    }
    return SignalReport(
      signal: Int32(bitPattern: words[0]), process: ProcessIdentifier(bitPattern: words[3]), user: words[4])
  }
}
