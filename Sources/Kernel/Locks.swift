internal import CKernel

/// How flock(2) is asked for.
package enum LockKind: Sendable { case shared, exclusive }

/// A file that is there to be locked, made where it is missing. Waits for the lock, which goes with the descriptor: `hold` it.
package func openLock(
  _ path: Path, _ kind: LockKind = .exclusive, at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) -> Descriptor {
  let file = try open(path, [.readWrite, .create, .noFollow], mode: 0o600, at: directory)
  try file.borrowed.lock(kind)
  return file
}

/// Named in a `defer`, so that the descriptor, and a lock with it, is let go at the end of the scope and not after its last use.
package func hold(_ descriptor: borrowing Descriptor) {}

extension BorrowedDescriptor {
  /// Waits for the lock. It belongs to the open file: a forked or exec'd process that inherits it holds it too.
  package func lock(_ kind: LockKind) throws(Fault) {
    _ = try systemCall(
      "flock", Int(SYS_flock), argument, Int(kind == .shared ? LOCK_SH : LOCK_EX), arguments: "\(rawValue)")
  }

  /// Takes the lock if nobody holds it; false when somebody does.
  package func tryLock(_ kind: LockKind) throws(Fault) -> Bool {
    do throws(Fault) {
      _ = try systemCall(
        "flock", Int(SYS_flock), argument, Int((kind == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB),
        arguments: "\(rawValue)")
      return true
    } catch {
      if error.errno == .again { return false }
      throw error
    }
  }

  /// Waits for the lock, half a second at most, where the work can be done without: who stands still with it, or took it for
  /// ends of his own, is not to keep everybody else.
  package func lockBriefly(_ kind: LockKind) throws(Fault) {
    for _ in 0..<500 {
      if try tryLock(kind) { return }
      sleep(microseconds: 1000)
    }
    throw Fault("flock", .again, arguments: "\(rawValue)")
  }

  package func unlock() throws(Fault) {
    _ = try systemCall("flock", Int(SYS_flock), argument, Int(LOCK_UN), arguments: "\(rawValue)")
  }
}
