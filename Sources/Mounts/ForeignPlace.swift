internal import Kernel

/// What is below the root of another process: `/proc/PID/root/dev/shm`.
///
/// open_tree(2) copies mounts of the caller's own mount namespace only, and a link in there is the other process's affair,
/// which seen from here could lead anywhere on the host. So a process of its own goes there, where paths mean what they mean
/// to the other, copies the mount and hands it back.
struct ForeignPlace {
  let process: ProcessIdentifier
  let path: Path

  /// Nil for any other path.
  init?(_ source: Path) {
    let parts = source.string.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0].isEmpty, parts[1] == "proc", let process = ProcessIdentifier(parts[2]),
      parts[3].hasPrefix("root/"), parts[3].utf8.count > 5
    else { return nil }
    self.process = process
    path = Path("/" + parts[3].dropFirst(5))
  }

  /// A copy that is attached nowhere. The caller has one thread.
  func cloneMount(recursive: Bool) throws(Fault) -> Descriptor {
    let namespace = try open(Path("/proc/\(process)/ns/mnt"), .readOnly)
    let ends = try makeSocketPair(.stream)
    switch try clone(namespaces: []) {
    case .child:
      do throws(Fault) {
        // This also makes the other's root ours.
        try joinNamespace(namespace.borrowed, .mount)
        let source = try open(path, .path)
        let tree = try Kernel.cloneMount("", at: source.borrowed, recursive: recursive)
        _ = try ends.second.borrowed.sendMessage([0], descriptors: [tree.borrowed])
        try tree.close()
        exitNow(0)
      } catch { exitNow(Int32(error.errno.rawValue)) }
    case .parent(_, let pidfd):
      let status = try wait(for: .pidfd(pidfd.borrowed))?.status
      guard case .exited(0) = status else {
        var errno = Errno.noSuchProcess
        if case .exited(let code) = status { errno = Errno(rawValue: code) }
        throw Fault("open_tree", errno, arguments: "\(path.quoted) of process \(process), OPEN_TREE_CLONE")
      }
      var buffer: [UInt8] = [0]
      var message = try ends.first.borrowed.receiveMessage(into: &buffer)
      guard let tree = message.descriptors.take() else {
        throw Fault("recvmsg", .noSuchProcess, arguments: "process \(process)")
      }
      return tree
    }
  }
}
