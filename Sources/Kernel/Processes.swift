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

/// Leaves at once: no handler, no buffer of stdio, which a cloned child shares with its parent.
package func exitNow(_ code: Int32) -> Never {
  while true { _ = ckernel_syscall(Int(SYS_exit_group), Int(code), 0, 0, 0, 0, 0) }
}

/// The namespaces of namespaces(7), as the flag words of clone3, unshare and setns have them.
package struct Namespaces: FlagWord {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  package static let time = Namespaces(rawValue: 0x80)
  package static let mount = Namespaces(rawValue: 0x2_0000)
  package static let cgroup = Namespaces(rawValue: 0x200_0000)
  package static let uts = Namespaces(rawValue: 0x400_0000)
  package static let ipc = Namespaces(rawValue: 0x800_0000)
  package static let user = Namespaces(rawValue: 0x1000_0000)
  package static let process = Namespaces(rawValue: 0x2000_0000)
  package static let network = Namespaces(rawValue: 0x4000_0000)

  /// Each single flag with its file in /proc/PID/ns and its option of unshare(1).
  package static let all: [(flag: Namespaces, file: String, option: String)] = [
    (.user, "user", "--user"), (.mount, "mnt", "--mount"), (.uts, "uts", "--uts"), (.ipc, "ipc", "--ipc"),
    (.process, "pid", "--pid"), (.network, "net", "--net"), (.cgroup, "cgroup", "--cgroup"), (.time, "time", "--time"),
  ]

  /// `CLONE_NEWNS|CLONE_NEWPID`
  package var flagNames: String {
    let names: [(Namespaces, String)] = [
      (.user, "CLONE_NEWUSER"), (.mount, "CLONE_NEWNS"), (.uts, "CLONE_NEWUTS"), (.ipc, "CLONE_NEWIPC"),
      (.process, "CLONE_NEWPID"), (.network, "CLONE_NEWNET"), (.cgroup, "CLONE_NEWCGROUP"), (.time, "CLONE_NEWTIME"),
    ]
    return names.filter { contains($0.0) }.map(\.1).joined(separator: "|")
  }
}

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

package func unshare(_ namespaces: Namespaces) throws(Fault) {
  _ = try systemCall("unshare", Int(SYS_unshare), Int(namespaces.rawValue), arguments: namespaces.flagNames)
}

/// setns(2). With a pidfd several namespaces are joined in one step (Linux 5.8).
package func joinNamespace(_ descriptor: BorrowedDescriptor, _ namespaces: Namespaces) throws(Fault) {
  _ = try systemCall(
    "setns", Int(SYS_setns), descriptor.argument, Int(namespaces.rawValue),
    arguments: "\(descriptor.description), \(namespaces.flagNames)")
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

/// Enters namespaces of a process that `openProcess` has opened, its user namespace first.
package func joinNamespaces(of process: BorrowedDescriptor, _ namespaces: Namespaces) throws(Fault) {
  guard (try? status(of: process))?.kind == .directory else { return try joinNamespace(process, namespaces) }
  var files: [Int32] = []
  defer { for file in files { _ = Descriptor(owning: file) } }
  // All are opened before any is entered. Its own user namespace is not entered again, which setns(2) refuses.
  let wanted = Namespaces.all.filter { namespaces.contains($0.flag) }
  for (_, file, _) in wanted { files.append(try open(Path("ns/\(file)"), .readOnly, at: process).release()) }
  for (file, namespace) in zip(files, wanted) {
    let descriptor = BorrowedDescriptor(rawValue: file)
    if namespace.flag == .user, try status(of: "/proc/self/ns/user").inode == status(of: descriptor).inode { continue }
    try joinNamespace(descriptor, namespace.flag)
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

/// execve(2): returns only to say why not.
package func execute(_ path: Path, arguments: [Path], environment: [Path]) -> Fault {
  withPointers(arguments) { arguments_ in
    withPointers(environment) { environment_ in
      do throws(Fault) {
        _ = try path.withAddress { (path_) throws(Fault) in
          try systemCall(
            "execve", Int(SYS_execve), path_, arguments_, environment_,
            arguments: "\(path.quoted), [\(arguments.map(\.quoted).joined(separator: ", "))]")
        }
        return Fault("execve", .invalid, arguments: path.quoted)
      } catch { return error }
    }
  }
}

/// execveat(2) with AT_EMPTY_PATH: runs the file that is open, whatever its name means by now.
package func execute(_ file: BorrowedDescriptor, arguments: [Path], environment: [Path]) -> Fault {
  let empty = Path("")
  return withPointers(arguments) { arguments_ in
    withPointers(environment) { environment_ in
      do throws(Fault) {
        _ = try empty.withAddress { (empty_) throws(Fault) in
          try systemCall(
            "execveat", Int(SYS_execveat), file.argument, empty_, arguments_, environment_, Int(AT_EMPTY_PATH),
            arguments: "\(file.description), \"\", [\(arguments.map(\.quoted).joined(separator: ", "))]")
        }
        return Fault("execveat", .invalid, arguments: file.description)
      } catch { return error }
    }
  }
}

/// A NULL-ended array of pointers to the paths, as exec takes it; valid inside `body`.
func withPointers<Result>(_ paths: [Path], _ body: (Int) -> Result) -> Result {
  var offsets: [Int] = []
  var bytes: [UInt8] = []
  for path in paths {
    offsets.append(bytes.count)
    bytes.append(contentsOf: path.bytes)
    bytes.append(0)
  }
  return unsafe bytes.withUnsafeBufferPointer { buffer in
    let base = Int(bitPattern: buffer.baseAddress)
    let pointers = offsets.map { base + $0 } + [0]
    return unsafe pointers.withUnsafeBufferPointer { body(Int(bitPattern: $0.baseAddress)) }
  }
}

/// close_range(2) (Linux 5.9) from `first` up to `last`: closed now, or marked close-on-exec.
package func closeDescriptors(from first: Int32, through last: Int32? = nil, onExecute: Bool) throws(Fault) {
  do throws(Fault) {
    _ = try systemCall(
      "close_range", Int(SYS_close_range), Int(first), last.map(Int.init) ?? Int(UInt32.max), onExecute ? 4 : 0,
      arguments: "\(first), \(last.map(String.init) ?? "~0")")
  } catch {
    if error.errno != .noSystemCall && error.errno != .invalid { throw error }
    // Where a filter hides the call (or CLOSE_RANGE_CLOEXEC is unknown), one descriptor at a time.
    let directory = try open("/proc/self/fd", [.readOnly, .directory])
    for entry in try entries(of: directory.borrowed) {
      guard let number = Int32(entry.name.string), number >= first, number <= last ?? .max,
        number != directory.rawValue
      else { continue }
      if onExecute {
        _ = try systemCall("fcntl", Int(SYS_fcntl), Int(number), Int(F_SETFD), Int(FD_CLOEXEC), arguments: "\(number)")
      } else {
        _ = ckernel_syscall(Int(SYS_close), Int(number), 0, 0, 0, 0, 0)
      }
    }
  }
}

/// setsid(2): a new session without a controlling terminal.
package func startSession() throws(Fault) {
  _ = try systemCall("setsid", Int(SYS_setsid))
}
