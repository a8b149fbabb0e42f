internal import Kernel

// Whose state directory it is. `--root` may be any path, one below /tmp too, and a state tells which groups and directories
// to remove, which process to kill and which hooks to call: who can write it would have that done by root.

extension StateStore {
  /// Open, or nil where it is not there.
  func openRoot() throws(RuntimeFailure) -> Descriptor? {
    let top: Descriptor
    do throws(Fault) { top = try open(root, [.readOnly, .directory]) } catch {
      if error.errno == .noSuchFile { return nil }
      throw failure("cannot open the state directory", error)
    }
    try checkTrust(top.borrowed, root, isShared: true)
    return top
  }

  /// Open, and made where it was not there.
  func makeRoot() throws(RuntimeFailure) -> Descriptor {
    if let top = try openRoot() { return top }
    do throws(Fault) { try makeDirectories(root, mode: 0o700) } catch {
      throw failure("cannot make the state directory", error)
    }
    guard let top = try openRoot() else { throw RuntimeFailure("the state directory \(root) is gone again") }
    return top
  }

  /// The caller alone, or root, can put a name into the directory, which lies at the path.
  ///
  /// - Parameter isShared: others may as well where the sticky bit keeps them off what is not theirs, as in /tmp.
  func checkTrust(
    _ directory: BorrowedDescriptor, _ path: Path, isShared: Bool = false
  ) throws(RuntimeFailure) {
    let found = try told("cannot look at \(path)") { () throws(Fault) in try status(of: directory) }
    let caller = effectiveUser()
    guard found.owner == caller || found.owner == 0 else {
      throw RuntimeFailure(
        "cannot trust the state in \(path): it belongs to user \(found.owner), not to user \(caller) who calls",
        hint: "call as that user, or give --root a directory of your own")
    }
    guard found.mode.isDisjoint(with: 0o022) || isShared && found.mode.contains(0o1000) else {
      throw RuntimeFailure(
        "cannot trust the state in \(path): others may write there (its mode is \(found.mode.octal))",
        hint: "chmod go-w \(path), or give --root another directory")
    }
  }

  /// A fault at the directory itself. An ordinary user may not write where root's state is.
  func failure(_ what: String, _ fault: Fault) -> RuntimeFailure {
    var failure = RuntimeFailure(what, fault)
    if fault.errno == .accessDenied, effectiveUser() != 0 {
      failure.hint = "set XDG_RUNTIME_DIR, or give --root a directory of your own"
    }
    return failure
  }
}
