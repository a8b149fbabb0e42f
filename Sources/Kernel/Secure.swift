internal import CKernel

// What a process may do and may never do again: capabilities(7), prctl(2), seccomp(2), getrlimit(2).

// MARK: - Capabilities

/// The three sets that capset(2) changes together.
package struct ProcessCapabilities: Hashable, Sendable {
  package var effective: CapabilitySet
  package var permitted: CapabilitySet
  package var inheritable: CapabilitySet
  package init(effective: CapabilitySet, permitted: CapabilitySet, inheritable: CapabilitySet) {
    self.effective = effective
    self.permitted = permitted
    self.inheritable = inheritable
  }
}

/// struct __user_cap_header_struct: version 3 (64 capabilities in two words each), and 0 for the caller.
private let capabilityHeader: [UInt32] = [0x2008_0522, 0]

/// capget(2) of the calling thread.
package func processCapabilities() throws(Fault) -> ProcessCapabilities {
  var words = [UInt32](repeating: 0, count: 6)
  _ = try words.withMutableAddress { (data) throws(Fault) in
    try capabilityHeader.withAddress { (header) throws(Fault) in
      try systemCall("capget", Int(SYS_capget), header, data)
    }
  }
  func set(_ index: Int) -> CapabilitySet {
    CapabilitySet(rawValue: UInt64(words[index]) | UInt64(words[index + 3]) << 32)
  }
  return ProcessCapabilities(effective: set(0), permitted: set(1), inheritable: set(2))
}

/// capset(2) of the calling thread. EPERM where a set would grow beyond what is permitted.
package func setProcessCapabilities(_ sets: ProcessCapabilities) throws(Fault) {
  let (effective, permitted, inheritable) = (
    sets.effective.rawValue, sets.permitted.rawValue, sets.inheritable.rawValue
  )
  // Two structures for 32 bits each (capget(2)).
  let words: [UInt32] = [
    UInt32(truncatingIfNeeded: effective), UInt32(truncatingIfNeeded: permitted),
    UInt32(truncatingIfNeeded: inheritable),
    UInt32(effective >> 32), UInt32(permitted >> 32), UInt32(inheritable >> 32),
  ]
  _ = try words.withAddress { (data) throws(Fault) in
    try capabilityHeader.withAddress { (header) throws(Fault) in
      try systemCall(
        "capset", Int(SYS_capset), header, data,
        arguments: "effective=\(sets.effective), permitted=\(sets.permitted), inheritable=\(sets.inheritable)")
    }
  }
}

/// The bounding set: what an exec can at most give. Asked bit by bit; the kernel answers EINVAL past its last one.
package func boundingCapabilities() -> CapabilitySet {
  var found: CapabilitySet = []
  for number in 0..<64 {
    let answer = ckernel_syscall(Int(SYS_prctl), Int(PR_CAPBSET_READ), number, 0, 0, 0, 0)
    if answer < 0 { break }
    if answer == 1 { found.insert(CapabilitySet(number: number)) }
  }
  return found
}

/// PR_CAPBSET_DROP. Needs CAP_SETPCAP; EINVAL for a number that this kernel does not have.
package func dropBoundingCapability(_ number: Int) throws(Fault) {
  _ = try systemCall(
    "prctl", Int(SYS_prctl), Int(PR_CAPBSET_DROP), number,
    arguments: "PR_CAPBSET_DROP, \(CapabilitySet(number: number))")
}

/// PR_CAP_AMBIENT_CLEAR_ALL (Linux 4.3).
package func clearAmbientCapabilities() throws(Fault) {
  _ = try systemCall(
    "prctl", Int(SYS_prctl), Int(PR_CAP_AMBIENT), Int(PR_CAP_AMBIENT_CLEAR_ALL),
    arguments: "PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL")
}

/// PR_CAP_AMBIENT_RAISE: needs the capability in the permitted and the inheritable set.
package func raiseAmbientCapability(_ number: Int) throws(Fault) {
  _ = try systemCall(
    "prctl", Int(SYS_prctl), Int(PR_CAP_AMBIENT), Int(PR_CAP_AMBIENT_RAISE), number,
    arguments: "PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, \(CapabilitySet(number: number))")
}

/// The ambient set, as `boundingCapabilities`.
package func ambientCapabilities() -> CapabilitySet {
  var found: CapabilitySet = []
  for number in 0..<64 {
    let answer = ckernel_syscall(Int(SYS_prctl), Int(PR_CAP_AMBIENT), Int(PR_CAP_AMBIENT_IS_SET), number, 0, 0, 0)
    if answer < 0 { break }
    if answer == 1 { found.insert(CapabilitySet(number: number)) }
  }
  return found
}

// MARK: - Attributes of the process

/// PR_SET_KEEPCAPS: a change from user 0 to another keeps the permitted set (the effective one is cleared all the same).
/// execve clears the flag.
package func setKeepsCapabilities(_ on: Bool) throws(Fault) {
  _ = try systemCall(
    "prctl", Int(SYS_prctl), Int(PR_SET_KEEPCAPS), on ? 1 : 0, arguments: "PR_SET_KEEPCAPS, \(on ? 1 : 0)")
}

/// PR_SET_NO_NEW_PRIVS: no exec gives more than the process has, for it and all its children, for ever.
package func setNoNewPrivileges() throws(Fault) {
  _ = try systemCall("prctl", Int(SYS_prctl), Int(PR_SET_NO_NEW_PRIVS), 1, arguments: "PR_SET_NO_NEW_PRIVS, 1")
}

/// PR_SET_PDEATHSIG: the signal that this process gets when its parent ends.
package func setParentDeathSignal(_ signal: Int32) throws(Fault) {
  _ = try systemCall(
    "prctl", Int(SYS_prctl), Int(PR_SET_PDEATHSIG), Int(signal), arguments: "PR_SET_PDEATHSIG, \(signal)")
}

/// PR_SET_CHILD_SUBREAPER: whoever loses its parent among this process's descendants becomes its child. Kept across execve,
/// inherited by nobody.
package func setChildSubreaper(_ on: Bool) throws(Fault) {
  _ = try systemCall(
    "prctl", Int(SYS_prctl), Int(PR_SET_CHILD_SUBREAPER), on ? 1 : 0, arguments: "PR_SET_CHILD_SUBREAPER, \(on)")
}

/// PR_SET_DUMPABLE 0: nobody without CAP_SYS_PTRACE traces the process or opens its /proc files; ends with execve.
package func setDumpable(_ on: Bool) throws(Fault) {
  _ = try systemCall("prctl", Int(SYS_prctl), Int(PR_SET_DUMPABLE), on ? 1 : 0, arguments: "PR_SET_DUMPABLE, \(on)")
}

// MARK: - seccomp

/// SECCOMP_SET_MODE_FILTER: every later system call of this thread goes through `instructions`, one `struct sock_filter`
/// in each word. EACCES without no_new_privs or CAP_SYS_ADMIN in the user namespace; EINVAL for a program that the
/// kernel's checker refuses.
package func loadSystemCallFilter(_ instructions: [UInt64], flags: UInt32) throws(Fault) {
  try instructions.withAddress { (program) throws(Fault) in
    // struct sock_fprog: u16 length, six bytes of padding, pointer.
    let header = [instructions.count, program]
    _ = try header.withAddress { (header) throws(Fault) in
      try systemCall(
        "seccomp", Int(SYS_seccomp), 1, Int(flags), header,
        arguments: "SECCOMP_SET_MODE_FILTER, 0x\(String(flags, radix: 16)), \(instructions.count) instructions")
    }
  }
}

/// The same with SECCOMP_FILTER_FLAG_NEW_LISTENER among the flags: the listener (seccomp_unotify(2)) goes with a message over
/// a socket, and is closed here.
///
/// From the first call on the filter may stop this thread until somebody answers at the listener, so nothing else is called
/// before it has left: all that the sending takes is laid out before.
///
/// - Parameter manyAtOnce: sends by sendmmsg(2) rather than sendmsg(2), which the filter may stop.
package func loadSystemCallFilter(
  _ instructions: [UInt64], flags: UInt32, sendingListenerWith message: [UInt8], over socket: BorrowedDescriptor,
  manyAtOnce: Bool
) throws(Fault) {
  // struct cmsghdr: size_t length, int level, int type (SCM_RIGHTS); then the descriptor, padded to 8.
  var control: [Int32] = [20, 0, SOL_SOCKET, 1, -1, 0]
  try control.withMutableAddress { (control) throws(Fault) in
    try message.withAddress { (base) throws(Fault) in
      try [base, message.count].withAddress { (vector) throws(Fault) in
        // struct mmsghdr: a struct msghdr, and the count of bytes that were sent.
        var header = [0, 0, vector, 1, control, 24, 0, 0]
        try header.withMutableAddress { (header) throws(Fault) in
          try instructions.withAddress { (program) throws(Fault) in
            // struct sock_fprog: u16 length, six bytes of padding, pointer.
            try [instructions.count, program].withAddress { (program) throws(Fault) in
              let listener = try systemCall(
                "seccomp", Int(SYS_seccomp), 1, Int(flags), program,
                arguments: "SECCOMP_SET_MODE_FILTER, 0x\(String(flags, radix: 16)), \(instructions.count) instructions")
              unsafe UnsafeMutablePointer<Int32>(bitPattern: control + 16)?.pointee = Int32(listener)
              let number = Int(manyAtOnce ? SYS_sendmmsg : SYS_sendmsg)
              // sendmmsg(2) takes the count of messages before the flags.
              let (third, fourth) = manyAtOnce ? (1, Int(MSG_NOSIGNAL)) : (Int(MSG_NOSIGNAL), 0)
              let sent = ckernel_syscall(number, Int(socket.rawValue), header, third, fourth, 0, 0)
              _ = ckernel_syscall(Int(SYS_close), listener, 0, 0, 0, 0, 0)
              if sent < 0 {
                throw Fault(
                  manyAtOnce ? "sendmmsg" : "sendmsg", Errno(rawValue: Int32(truncatingIfNeeded: -sent)),
                  arguments: "the listener of the filter")
              }
            }
          }
        }
      }
    }
  }
}

// MARK: - Resource limits

/// Soft and hard limit; `UInt64.max` is RLIM_INFINITY.
package struct LimitPair: Hashable, Sendable {
  package var soft: UInt64
  package var hard: UInt64
  package init(soft: UInt64, hard: UInt64) {
    self.soft = soft
    self.hard = hard
  }
}

/// The limits of a process, 0 being the caller, for RLIMIT_* number `resource`.
package func resourceLimit(_ resource: Int32, of process: ProcessIdentifier = 0) throws(Fault) -> LimitPair {
  var pair: [UInt64] = [0, 0]
  _ = try pair.withMutableAddress { (base) throws(Fault) in
    try systemCall(
      "prlimit64", Int(SYS_prlimit64), Int(process), Int(resource), 0, base, arguments: "\(process), \(resource)")
  }
  return LimitPair(soft: pair[0], hard: pair[1])
}

/// EPERM where the hard limit would rise without CAP_SYS_RESOURCE in the first user namespace.
package func setResourceLimit(
  _ resource: Int32, to limit: LimitPair, of process: ProcessIdentifier = 0
) throws(Fault) {
  let pair = [limit.soft, limit.hard]
  _ = try pair.withAddress { (base) throws(Fault) in
    try systemCall(
      "prlimit64", Int(SYS_prlimit64), Int(process), Int(resource), base, 0,
      arguments: "\(process), \(resource), \(describe(limit.soft)):\(describe(limit.hard))")
  }
}

private func describe(_ value: UInt64) -> String { value == .max ? "unlimited" : "\(value)" }
