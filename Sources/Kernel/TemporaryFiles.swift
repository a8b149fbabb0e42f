internal import CKernel

// Files that have no name until they are whole (O_TMPFILE of open(2)): a crash leaves nothing of them.

extension OpenFlags {
  /// An unnamed file on the file system of the directory that is opened. EOPNOTSUPP where it cannot (NFS, old overlays).
  package static let temporary = OpenFlags(rawValue: 0o20_000_000 | O_DIRECTORY)
}

/// Gives a file that was opened with `.temporary` its first name. EEXIST when the name is taken.
package func nameFile(
  _ file: BorrowedDescriptor, as path: Path, at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) {
  // AT_EMPTY_PATH would want CAP_DAC_READ_SEARCH; the way through /proc wants none (open(2), O_TMPFILE).
  let source = Path("/proc/self/fd/\(file.rawValue)")
  _ = try source.withAddress { (source_) throws(Fault) in
    try path.withAddress { (path_) throws(Fault) in
      try systemCall(
        "linkat", Int(SYS_linkat), Int(AT_FDCWD), source_, directory.argument, path_, Int(AT_SYMLINK_FOLLOW),
        arguments: "\(source.quoted), \(path.quoted), AT_SYMLINK_FOLLOW")
    }
  }
}

/// Access and modification time of an open file.
package func setModified(of file: BorrowedDescriptor, to time: Timestamp) throws(Fault) {
  var times = [Int(time.seconds), Int(time.nanoseconds), Int(time.seconds), Int(time.nanoseconds)]
  _ = try times.withMutableAddress { (base) throws(Fault) in
    try systemCall("utimensat", Int(SYS_utimensat), file.argument, 0, base, 0, arguments: file.description)
  }
}
