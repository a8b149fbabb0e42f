internal import CKernel

/// What clone3(2) answered.
package enum CloneResult: ~Copyable {
  case child
  case parent(ProcessIdentifier, pidfd: Descriptor)
}

/// clone3(2) as a fork into new namespaces. The caller must be single-threaded; the child goes on in ordinary Swift on
/// its copy of memory and must leave by `exitNow` or exec.
///
/// - Parameters:
///   - cgroup: a directory of cgroup v2 that the child is born in (CLONE_INTO_CGROUP, Linux 5.7).
///   - isSibling: the new process is a child of the caller's parent (CLONE_PARENT), which reaps it.
package func clone(
  namespaces: Namespaces, cgroup: BorrowedDescriptor? = nil, isSibling: Bool = false
) throws(Fault) -> CloneResult {
  var pidfd: Int32 = -1
  var arguments = clone_args()
  // timens_offsets is written before the first process is in the namespace, so that one is unshared by hand.
  precondition(!namespaces.contains(.time), "a time namespace is unshared, not cloned")
  arguments.flags = namespaces.rawValue | UInt64(CLONE_PIDFD)
  if isSibling {
    // The exit signal is then the caller's own; clone3 refuses another one.
    arguments.flags |= UInt64(CLONE_PARENT)
  } else {
    arguments.exit_signal = UInt64(SIGCHLD)
  }
  if let cgroup {
    arguments.flags |= 0x2_0000_0000
    arguments.cgroup = UInt64(cgroup.rawValue)
  }
  // Whom clone(2) made waits here until it is in its group, so that nobody whom it makes is in another.
  var gate: Pipe? = nil
  var failure: Fault?
  let result = unsafe withUnsafeMutablePointer(to: &pidfd) { slot in
    arguments.pidfd = UInt64(UInt(bitPattern: slot))
    let result = unsafe withUnsafePointer(to: &arguments) {
      unsafe ckernel_clone3($0, UInt(MemoryLayout<clone_args>.size))
    }
    // Docker's filter hides clone3, whose flags it cannot see, from whoever is behind it already: clone(2) puts the pidfd
    // where the parent's thread id would go.
    guard result == -Int(ENOSYS) else { return result }
    if cgroup != nil {
      do throws(Fault) { gate = try makePipe() } catch {
        failure = error
        return result
      }
    }
    return ckernel_syscall(
      Int(SYS_clone), Int(arguments.flags & 0xffff_ffff | arguments.exit_signal), 0, Int(bitPattern: slot), 0, 0, 0)
  }
  if let failure { throw failure }
  if result < 0 {
    throw Fault(
      "clone3", Errno(rawValue: Int32(-result)),
      arguments: (["CLONE_PIDFD", namespaces.flagNames] + (cgroup == nil ? [] : ["CLONE_INTO_CGROUP"]))
        .filter { !$0.isEmpty }.joined(separator: "|"))
  }
  if result == 0 {
    if let gate = gate.take() {
      try? gate.writing.close()
      var byte: [UInt8] = [0]
      _ = try? gate.reading.borrowed.read(into: &byte)
    }
    return .child
  }
  let process = ProcessIdentifier(result)
  let child = Descriptor(owning: pidfd)
  if gate != nil, let cgroup { try admit(process, child.borrowed, to: cgroup) }
  return .parent(process, pidfd: child)
}

/// clone(2) has no word for a control group. The parent's write waits for RCU, some 9 ms, which is better than no start.
private func admit(
  _ process: ProcessIdentifier, _ pidfd: BorrowedDescriptor, to cgroup: BorrowedDescriptor
) throws(Fault) {
  do throws(Fault) { try writeControl("cgroup.procs", "\(process)", at: cgroup) } catch {
    try? sendSignal(9, to: pidfd)
    _ = try? wait(for: .pidfd(pidfd))
    throw error
  }
}

/// fork(2), for a process that a seccomp filter rules already: Docker's profile answers clone3 with ENOSYS, for a filter
/// cannot look at its flags, and lets clone(2) pass. Nil in the child, under the rules of `clone`.
package func fork() throws(Fault) -> ProcessIdentifier? {
  let result = try systemCall("clone", Int(SYS_clone), Int(SIGCHLD), 0, 0, 0, 0, arguments: "SIGCHLD")
  return result == 0 ? nil : ProcessIdentifier(result)
}
