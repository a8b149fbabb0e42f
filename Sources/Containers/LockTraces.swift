internal import Kernel

/// What stands in the directory of locks, and which containers somebody holds: their supervisors, or commands that make or
/// remove them. Costs the same few system calls for one container and for five hundred.
package struct LockTraces: Sendable {
  /// The names in the directory, a container's identifier or more.
  package private(set) var names: Set<String> = []
  /// Of these, what was held for certain. Another's lock may be held too: only a try tells.
  package private(set) var held: Set<String> = []

  package init(in state: StateDirectories) {
    guard let directory = try? open(state.locks, [.readOnly, .directory]),
      let fileSystem = try? status(of: directory.borrowed).fileSystem,
      let entries = try? entries(of: directory.borrowed)
    else { return }
    // After the names: a lock that is new since then is in neither.
    let locks = FileLocks.read()
    for entry in entries {
      names.insert(entry.name.string)
      if locks.holder(ofInode: entry.inode, on: fileSystem) != nil { held.insert(entry.name.string) }
    }
  }
}
