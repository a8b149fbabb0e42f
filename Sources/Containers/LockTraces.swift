internal import Kernel

/// What stands in the directory of locks, and which containers somebody holds: their supervisors, or commands that make or
/// remove them.
///
/// Who is in the roster has his lock; each other one is tried, which takes three system calls of a microsecond. /proc/locks
/// tells of all at once and is not read: who opens that table waits for a grace period of RCU (locks_start takes file_rwsem
/// for writing), 5 to 30 ms on a quiet host.
package struct LockTraces: Sendable {
  // Hundreds of names, and words of them only where something is wrong.
  private var files: [(name: Path, isHeld: Bool)] = []

  package init(in state: StateDirectories) {
    guard let directory = try? open(state.locks, [.readOnly, .directory]),
      let entries = try? entries(of: directory.borrowed)
    else { return }
    let living = entries.count < Roster.smallest ? [] : Roster.living(state.roster)
    files = entries.map {
      let lives = !living.isEmpty && Roster.Key($0.name.bytes).map(living.contains) ?? false
      return ($0.name, lives || Self.isHeld($0.name, in: directory.borrowed))
    }
  }

  /// The names in the directory, a container's identifier or more.
  package var names: Set<String> { Set(files.lazy.map(\.name.string)) }

  /// Of these, what was held. Another's lock may be held by now.
  package var held: Set<String> { Set(files.lazy.filter(\.isHeld).map(\.name.string)) }

  /// Whether each file is held, so that nobody was killed who had one; but for those that nobody needs to hold.
  ///
  /// - Parameter suffix: of files that may stand beside the lock of a container.
  package func areHeld(butFor suffix: String) -> Bool {
    var others: [String] = []
    for file in files where !file.isHeld {
      let name = file.name.string
      guard name.hasSuffix(suffix) else { return false }
      others.append(String(name.dropLast(suffix.utf8.count)))
    }
    return others.isEmpty || names.isSuperset(of: others)
  }

  private static func isHeld(_ name: Path, in directory: BorrowedDescriptor) -> Bool {
    guard let file = try? open(name, [.readOnly, .noFollow], at: directory) else { return false }
    return (try? file.borrowed.tryLock(.shared)) == false
  }
}
