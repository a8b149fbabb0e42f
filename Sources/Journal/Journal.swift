/// What happened to containers, images, networks and volumes, in the order in which it did: a file that whoever does
/// something adds a line to, and that `skiff events` reads. There is no process whose memory it could be in.
///
/// It may know events and one directory; it may not know what a container is, and nothing may hang on it: an event that
/// cannot be written is lost, and nobody waits for it.
package import Kernel

/// The two files of events in one directory: the one that grows, and the one before it.
///
/// Each event is one write(2) with O_APPEND, which the kernel does for one writer after another: there is no lock to be
/// killed with. A full disk may tear a line; the next one starts with a newline of its own, so that only the torn one is
/// lost.
package struct Journal: Sendable {
  package let directory: Path
  /// Bytes after which the growing file becomes the one before, which is then forgotten.
  private let limit: Int

  package init(in directory: Path, limit: Int = 4 << 20) {
    self.directory = directory
    self.limit = limit
  }

  package var current: Path { directory.appending("events.log") }
  package var previous: Path { directory.appending("events.1.log") }

  /// A line longer than this is written without what people chose freely; a megabyte of labels is theirs to keep.
  private static let longestLine = 64 << 10

  /// Adds an event. Costs some microseconds; never fails and never waits.
  package func note(_ event: JournalEvent) {
    var line = event.line
    if line.count > Self.longestLine { line = event.brief.line }
    do throws(Fault) {
      let file = try openToAppend()
      try file.borrowed.write(line)
      // After a write with O_APPEND the position is the end of the file.
      if try file.borrowed.position() > limit { rotate(file.borrowed) }
    } catch {
      // A read-only or full disk: what was done is done all the same.
    }
  }

  private func openToAppend() throws(Fault) -> Descriptor {
    let flags: OpenFlags = [.writeOnly, .append, .create, .noFollow]
    do throws(Fault) { return try open(current, flags, mode: 0o600) } catch {
      guard error.errno == .noSuchFile else { throw error }
      // Another of the first writers may have made it since.
      do throws(Fault) { try makeDirectory(directory, mode: 0o700) } catch  where error.errno == .exists {}
      return try open(current, flags, mode: 0o600)
    }
  }

  /// One of many that see the file grow too long renames it; for another the lock is taken, or the file is not the current
  /// one any more. Who still has it open writes on in it under its new name, where readers look too.
  private func rotate(_ file: BorrowedDescriptor) {
    guard (try? file.tryLock(.exclusive)) == true, isCurrent(file) else { return }
    try? rename(current, to: previous)
  }

  func isCurrent(_ file: BorrowedDescriptor) -> Bool {
    guard let mine = try? status(of: file), let named = try? status(of: current, followLinks: false) else {
      return false
    }
    return mine.inode == named.inode && mine.fileSystem == named.fileSystem
  }
}
