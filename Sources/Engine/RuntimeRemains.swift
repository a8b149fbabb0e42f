internal import Containers
internal import Kernel
internal import Launching
internal import Steps

// What a container had on the host, taken back by whoever does not remember how it was made.

extension Engine {
  /// - Parameter undo: nil where it is not remembered. Another runtime may have failed in its part of it.
  func takeBack(_ undo: [Step]?, of record: ContainerRecord, _ files: ContainerFiles) {
    if let undo {
      _ = performUndo(undo)
      if record.options.runtime == nil { return }
    }
    takeBack(files)
  }

  /// Its control groups; before that, where another runtime made it, what that one keeps.
  func takeBack(_ files: ContainerFiles) {
    if let program = try? readText(files.runtime.program, limit: 4096) { delete(files, by: Path(program)) }
    removeGroups(of: files.identifier)
  }

  /// A runtime that is not there any more, or is not to be trusted, leaves its processes: those are found by their group.
  private func delete(_ files: ContainerFiles, by program: Path) {
    let call = RuntimeCall(
      program: program, root: files.runtime.state, log: files.runtime.log,
      words: ["delete", "--force", Path(files.identifier.description)])
    _ = performUndo([.process(.callRuntime(call))])
    killAll(of: files.identifier)
    try? removeTree(files.runtime.directory)
  }
}
