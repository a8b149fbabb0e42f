internal import CKernel

/// A file descriptor that has one owner and is closed exactly once. Always close-on-exec.
package struct Descriptor: ~Copyable, Sendable {
  package let rawValue: Int32

  /// Takes ownership of a descriptor that the caller got from the kernel.
  package init(owning rawValue: Int32) {
    precondition(rawValue >= 0, "a descriptor is never negative")
    self.rawValue = rawValue
  }

  deinit { _ = ckernel_syscall(Int(SYS_close), Int(rawValue), 0, 0, 0, 0, 0) }

  /// Closes now, so that an error of the last write (EIO, ENOSPC, EDQUOT) is seen.
  package consuming func close() throws(Fault) {
    let rawValue = self.rawValue
    discard self
    // close(2) is never retried: Linux has freed the number even when it answers EINTR.
    let result = ckernel_syscall(Int(SYS_close), Int(rawValue), 0, 0, 0, 0, 0)
    guard result < 0, -result != Int(EINTR) else { return }
    throw Fault("close", Errno(rawValue: Int32(-result)), arguments: "\(rawValue)")
  }

  /// Gives the number away: the caller closes it, or hands it to a process.
  package consuming func release() -> Int32 {
    let rawValue = self.rawValue
    discard self
    return rawValue
  }

  /// A view that owns nothing.
  package var borrowed: BorrowedDescriptor { BorrowedDescriptor(rawValue: rawValue) }

  package borrowing func duplicate() throws(Fault) -> Descriptor { try borrowed.duplicate() }
}

/// A descriptor that somebody else owns and keeps open; also the two special directory values.
package struct BorrowedDescriptor: Hashable, Sendable {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }

  /// AT_FDCWD: relative paths start at the working directory.
  package static let workingDirectory = BorrowedDescriptor(rawValue: AT_FDCWD)
  package static let standardInput = BorrowedDescriptor(rawValue: 0)
  package static let standardOutput = BorrowedDescriptor(rawValue: 1)
  package static let standardError = BorrowedDescriptor(rawValue: 2)

  var argument: Int { Int(rawValue) }
  /// How a trace shows it.
  package var description: String { rawValue == AT_FDCWD ? "AT_FDCWD" : "\(rawValue)" }

  package func duplicate() throws(Fault) -> Descriptor { try duplicate(from: 3) }

  /// The copy gets the lowest free number from `lowest` up.
  package func duplicate(from lowest: Int32) throws(Fault) -> Descriptor {
    let raw = try systemCall(
      "fcntl", Int(SYS_fcntl), argument, Int(F_DUPFD_CLOEXEC), Int(lowest), arguments: "\(rawValue), F_DUPFD_CLOEXEC")
    return Descriptor(owning: Int32(raw))
  }

  /// dup3(2) onto a fixed number without close-on-exec: for what a new program is to inherit.
  package func duplicate(asInherited number: Int32) throws(Fault) {
    if number == rawValue {
      // dup3 refuses equal numbers; what is wanted then is only that exec keeps it.
      _ = try systemCall("fcntl", Int(SYS_fcntl), argument, Int(F_SETFD), 0, arguments: "\(rawValue), F_SETFD, 0")
    } else {
      _ = try systemCall("dup3", Int(SYS_dup3), argument, Int(number), 0, arguments: "\(rawValue), \(number), 0")
    }
  }

  /// What was inherited goes no further.
  package func setCloseOnExecute() throws(Fault) {
    _ = try systemCall(
      "fcntl", Int(SYS_fcntl), argument, Int(F_SETFD), Int(FD_CLOEXEC), arguments: "\(rawValue), F_SETFD, FD_CLOEXEC")
  }

  /// O_NONBLOCK on or off. It belongs to the open file, so everyone who shares that sees it.
  package func setNonblocking(_ on: Bool) throws(Fault) { try setFlag(Int(O_NONBLOCK), on) }

  /// O_DIRECT on or off: reads and writes go past the page cache, from whole pages of memory to whole blocks of the file. EINVAL
  /// where the file system has no such thing.
  package func setDirect(_ on: Bool) throws(Fault) { try setFlag(Int(O_DIRECT), on) }

  private func setFlag(_ flag: Int, _ on: Bool) throws(Fault) {
    let flags = try systemCall("fcntl", Int(SYS_fcntl), argument, Int(F_GETFL), arguments: "\(rawValue), F_GETFL")
    let changed = on ? flags | flag : flags & ~flag
    if changed != flags {
      _ = try systemCall(
        "fcntl", Int(SYS_fcntl), argument, Int(F_SETFL), changed, arguments: "\(rawValue), F_SETFL, \(changed)")
    }
  }
}

extension Descriptor? {
  /// A view of the descriptor, where there is one: optional chaining would consume it.
  package var view: BorrowedDescriptor? {
    switch self {
    case .some(let descriptor): descriptor.borrowed
    case .none: nil
    }
  }
}
