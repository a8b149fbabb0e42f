internal import Kernel

/// What stands in the directory of locks, and which containers somebody holds: their supervisors, or commands that make or
/// remove them. Costs the same few system calls for one container and for five hundred.
package struct LockTraces: Sendable {
  private var files: [DirectoryEntry] = []
  private var locks = FileLocks(table: [])
  private var fileSystem = DeviceNumber(major: 0, minor: 0)

  package init(in state: StateDirectories) {
    guard let directory = try? open(state.locks, [.readOnly, .directory]),
      let fileSystem = try? status(of: directory.borrowed).fileSystem,
      let entries = try? entries(of: directory.borrowed)
    else { return }
    files = entries
    self.fileSystem = fileSystem
    // After the names: a lock that is new since then is in neither.
    locks = FileLocks.read()
  }

  /// The names in the directory, a container's identifier or more.
  package var names: Set<String> { Set(files.map(\.name.string)) }

  /// Of these, what was held for certain. Another's lock may be held too: only a try tells.
  package var held: Set<String> { Set(files.lazy.filter(isHeld).map(\.name.string)) }

  /// Whether each file is held, so that nobody was killed who had one; but for those that nobody needs to hold.
  ///
  /// - Parameter suffix: of files that may stand beside the lock of a container.
  package func areHeld(butFor suffix: String) -> Bool {
    var others: [String] = []
    for entry in files where !isHeld(entry) {
      let name = entry.name.string
      guard name.hasSuffix(suffix) else { return false }
      others.append(String(name.dropLast(suffix.utf8.count)))
    }
    return others.isEmpty || names.isSuperset(of: others)
  }

  private func isHeld(_ entry: DirectoryEntry) -> Bool { locks.holder(ofInode: entry.inode, on: fileSystem) != nil }
}
