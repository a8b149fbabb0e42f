internal import CKernel

// Whole files. Writing one that must survive a crash goes by `replaceFile`.

/// The whole file, at most `limit` bytes of it (EFBIG beyond).
package func readFile(
  _ path: Path, at directory: BorrowedDescriptor = .workingDirectory, limit: Int = 16 << 20
) throws(Fault) -> [UInt8] {
  do throws(Fault) {
    let file = try open(path, [.readOnly], at: directory)
    return try file.borrowed.readAll(limit: limit)
  } catch {
    // The number of a descriptor says nothing to a person; the name does.
    throw error.operation == "openat" ? error : Fault("read", error.errno, arguments: path.quoted)
  }
}

/// The same of a file that somebody else may have put there: no other kind of file is opened for more than a look, so that a
/// FIFO is not waited for, and a link is not followed unless the caller asks for it.
package func readRegularFile(
  _ path: Path, at directory: BorrowedDescriptor = .workingDirectory, limit: Int = 16 << 20, followLinks: Bool = false
) throws(Fault) -> [UInt8] {
  var flags: OpenFlags = [.readOnly, .nonBlocking, .noControllingTerminal]
  if !followLinks { flags.insert(.noFollow) }
  let file = try open(path, flags, at: directory)
  let status = try status(of: file.borrowed)
  guard status.kind == .regular else {
    throw Fault("read", .invalid, arguments: "\(path.quoted), which is no regular file")
  }
  guard status.size <= limit else {
    throw Fault("read", .fileTooLarge, arguments: "\(path.quoted), \(status.size) bytes of at most \(limit)")
  }
  do throws(Fault) {
    // Of a known size, it needs no second look for its end. The kernel's own files say that they are empty.
    return try status.size > 0 ? file.borrowed.read(status.size, at: 0) : file.borrowed.readAll(limit: limit)
  } catch {
    throw Fault("read", error.errno, arguments: path.quoted)
  }
}

/// Reads many small files of the kernel's, one after the other into the same memory.
package struct ControlFileReader: Sendable {
  private static let usualSize = 8192
  private static let limit = 1 << 20
  private var buffer = [UInt8](repeating: 0, count: usualSize)

  package init() {}

  /// Nil when it cannot be read, or is longer than any of them.
  package mutating func read(
    _ path: Path, at directory: BorrowedDescriptor = .workingDirectory
  ) -> ArraySlice<UInt8>? {
    guard let file = try? open(path, [.readOnly], at: directory),
      let count = try? file.borrowed.read(into: &buffer)
    else { return nil }
    // The kernel gives them out by pages, and of those that are tables no line that would not fit: what ends well before
    // the end of a page is all, and needs no second look for its end.
    if count < 2048 { return buffer[..<count] }
    guard let rest = try? file.borrowed.readAll(limit: Self.limit) else { return nil }
    return buffer[..<count] + rest
  }
}

/// A small text file of the kernel or of ours, without the white space at its end.
package func readText(
  _ path: Path, at directory: BorrowedDescriptor = .workingDirectory, limit: Int = 1 << 20
) throws(Fault) -> String {
  var bytes = try readFile(path, at: directory, limit: limit)
  while let last = bytes.last, last == 10 || last == 32 { bytes.removeLast() }
  return String(decoding: bytes, as: UTF8.self)
}

/// Writes into a file that is there: a control file of cgroupfs, procfs or sysfs. One write(2), as those files need.
package func writeControl(
  _ path: Path, _ text: String, at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) {
  do throws(Fault) {
    let file = try open(path, [.writeOnly], at: directory)
    try file.borrowed.write(text)
  } catch {
    throw Fault("write", error.errno, arguments: "\(path.quoted), \"\(text)\"")
  }
}

/// The file has either its old contents or the new ones after a crash: temp file, fsync, rename, fsync of the directory.
package func replaceFile(
  _ path: Path, with bytes: [UInt8], mode: FileMode = 0o600, durable: Bool = true,
  at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) {
  let temporary = Path("\(path.string).\(processIdentifier()).new")
  do throws(Fault) {
    let file = try openNew(temporary, mode: mode, at: directory)
    try file.borrowed.write(bytes)
    if durable { try file.borrowed.synchronize() }
    try file.close()
    try rename(temporary, at: directory, to: path, at: directory)
  } catch {
    try? removeFile(temporary, at: directory)
    throw Fault(operation: error.operation, error.errno, arguments: path.quoted)
  }
  if durable {
    let parent = path.parent.isEmpty ? Path(".") : path.parent
    let above = try open(parent, [.readOnly, .directory], at: directory)
    try above.borrowed.synchronize()
  }
}

/// A file that was not there before: what stands in its place, left behind or put there by somebody else, is removed.
private func openNew(_ path: Path, mode: FileMode, at directory: BorrowedDescriptor) throws(Fault) -> Descriptor {
  let flags: OpenFlags = [.writeOnly, .create, .exclusive, .noFollow]
  do throws(Fault) { return try open(path, flags, mode: mode, at: directory) } catch {
    guard error.errno == .exists else { throw error }
    try removeFile(path, at: directory)
    return try open(path, flags, mode: mode, at: directory)
  }
}
