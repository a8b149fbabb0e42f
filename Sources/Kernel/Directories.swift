internal import CKernel

/// One name in a directory.
package struct DirectoryEntry: Hashable, Sendable {
  package var name: Path
  /// Nil where the file system does not say (DT_UNKNOWN): ask statx.
  package var kind: FileKind?
  /// Of what lies on the directory's own file system; where something is mounted on the name, of what is below it.
  package var inode: UInt64
}

/// All entries of an open directory but `.` and `..` (getdents64(2)), in the file system's order.
package func entries(of directory: BorrowedDescriptor) throws(Fault) -> [DirectoryEntry] {
  try directory.seek(to: 0)
  var found: [DirectoryEntry] = []
  var buffer = [UInt8](repeating: 0, count: 32_768)
  while try readEntries(directory, &buffer, into: &found) {}
  return found
}

/// - Returns: whether there may be more.
private func readEntries(
  _ directory: BorrowedDescriptor, _ buffer: inout [UInt8], into found: inout [DirectoryEntry]
) throws(Fault) -> Bool {
  let bufferCount = buffer.count
  let count = try buffer.withMutableAddress { (base) throws(Fault) in
    try systemCall(
      "getdents64", Int(SYS_getdents64), directory.argument, base, bufferCount, arguments: directory.description)
  }
  var offset = 0
  // struct linux_dirent64: u64 inode, s64 offset, u16 record length, u8 type, name up to a NUL.
  while offset + 19 <= count {
    let length = Int(buffer[offset + 16]) | Int(buffer[offset + 17]) << 8
    guard length > 19, offset + length <= count else { break }
    var end = offset + 19
    while end < offset + length, buffer[end] != 0 { end += 1 }
    let name = buffer[(offset + 19)..<end]
    if !name.equals("."), !name.equals(".."), let path = Path(bytes: name) {
      var inode: UInt64 = 0
      for index in 0..<8 { inode |= UInt64(buffer[offset + index]) << UInt64(8 * index) }
      let kind = FileKind(rawValue: UInt32(buffer[offset + 18]) << 12)
      found.append(DirectoryEntry(name: path, kind: kind, inode: inode))
    }
    offset += length
  }
  return count > 0
}

package func entries(of path: Path) throws(Fault) -> [DirectoryEntry] {
  let directory = try open(path, [.readOnly, .directory])
  return try entries(of: directory.borrowed)
}

/// Whether there is anything in the directory, however much that is; false where there is no directory.
package func hasEntries(_ path: Path) throws(Fault) -> Bool {
  do throws(Fault) {
    let directory = try open(path, [.readOnly, .directory])
    var found: [DirectoryEntry] = []
    // Room for the dots and the longest of names.
    var buffer = [UInt8](repeating: 0, count: 512)
    while found.isEmpty, try readEntries(directory.borrowed, &buffer, into: &found) {}
    return !found.isEmpty
  } catch {
    if error.errno == .noSuchFile { return false }
    throw error
  }
}

/// Makes the directory and those above it that are missing, on trusted host paths only.
package func makeDirectories(_ path: Path, mode: FileMode) throws(Fault) {
  do throws(Fault) {
    try makeDirectory(path, mode: mode)
  } catch {
    switch error.errno {
    case .exists: return
    case .noSuchFile where !path.parent.isEmpty && path.parent != path:
      try makeDirectories(path.parent, mode: mode)
      do throws(Fault) { try makeDirectory(path, mode: mode) } catch { if error.errno != .exists { throw error } }
    default: throw error
    }
  }
}

/// Removes a name and, when it is a directory, all below it; never follows a link, never leaves the tree through `..`.
/// What vanishes meanwhile is as good as removed.
package func removeTree(_ path: Path, at directory: BorrowedDescriptor = .workingDirectory) throws(Fault) {
  do throws(Fault) {
    try removeFile(path, at: directory)
    return
  } catch {
    // EISDIR on most file systems, EPERM as POSIX has it.
    if error.errno == .noSuchFile { return }
    if error.errno != .isDirectory && error.errno != .notPermitted { throw error }
  }
  var attempts = 0
  while true {
    try removeContents(of: path, at: directory)
    do throws(Fault) { return try removeDirectory(path, at: directory) } catch {
      if error.errno == .noSuchFile { return }
      // Somebody has just put something into it: another command's word to a container, say. Not for ever.
      attempts += 1
      if error.errno != .directoryNotEmpty || attempts == 64 { throw error }
    }
  }
}

/// The same of all that is in a directory, which itself stays.
package func removeContents(
  of path: Path, at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) {
  do throws(Fault) {
    let top = try open(path, [.readOnly, .directory, .noFollow], at: directory)
    // Once more whenever something was moved up from the depths.
    while try removeContents(of: top.borrowed, depth: 0, top: top.borrowed) {}
  } catch {
    if error.errno != .noSuchFile { throw error }
  }
}

/// Every level costs a descriptor and a stack frame, and a container may nest its directories as deep as it likes: what
/// lies too deep is moved to the top and removed from there.
///
/// - Returns: whether something was moved to the top.
private func removeContents(
  of directory: BorrowedDescriptor, depth: Int, top: BorrowedDescriptor
) throws(Fault) -> Bool {
  var hasMoved = false
  for entry in try entries(of: directory) {
    do throws(Fault) {
      do throws(Fault) {
        try removeFile(entry.name, at: directory)
        continue
      } catch {
        if error.errno != .isDirectory && error.errno != .notPermitted { throw error }
      }
      if depth == 64 {
        try rename(entry.name, at: directory, to: Path("\(processIdentifier()).\(monotonicNanoseconds())"), at: top)
        hasMoved = true
        continue
      }
      let below = try open(entry.name, [.readOnly, .directory, .noFollow], at: directory)
      if try removeContents(of: below.borrowed, depth: depth + 1, top: top) { hasMoved = true }
      try removeDirectory(entry.name, at: directory)
    } catch {
      if error.errno != .noSuchFile { throw error }
    }
  }
  return hasMoved
}
