internal import Kernel

/// A new file that has no name that anybody knows until it is whole.
struct Draft: ~Copyable {
  let file: Descriptor
  /// Nil for a file without any name (O_TMPFILE); else the name it has until then.
  private let temporaryName: Path?

  init(at parent: BorrowedDescriptor, near name: Path) throws(Fault) {
    do throws(Fault) {
      file = try open(".", [.writeOnly, .temporary], mode: 0o600, at: parent)
      temporaryName = nil
    } catch {
      // EISDIR: the kernel does not know the flag; EOPNOTSUPP: the file system does not.
      guard error.errno == .notSupported || error.errno == .isDirectory || error.errno == .invalid else { throw error }
      let temporary = Self.temporaryName(for: name)
      file = try open(temporary, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600, at: parent)
      temporaryName = temporary
    }
  }

  /// False when the name is taken.
  func name(_ name: Path, at parent: BorrowedDescriptor) throws(Fault) -> Bool {
    do throws(Fault) {
      guard let temporaryName else {
        try nameFile(file.borrowed, as: name, at: parent)
        return true
      }
      try rename(temporaryName, at: parent, to: name, at: parent, .noReplace)
      return true
    } catch {
      guard error.errno == .exists else { throw error }
      discard(at: parent)
      return false
    }
  }

  /// Takes the place of the file that has the name, if there is one.
  func replace(_ name: Path, at parent: BorrowedDescriptor) throws(Fault) {
    if temporaryName == nil, try self.name(name, at: parent) { return }
    let temporary = temporaryName ?? Self.temporaryName(for: name)
    if temporaryName == nil { try nameFile(file.borrowed, as: temporary, at: parent) }
    do throws(Fault) {
      try rename(temporary, at: parent, to: name, at: parent)
    } catch {
      try? removeFile(temporary, at: parent)
      throw error
    }
  }

  func discard(at parent: BorrowedDescriptor) {
    if let temporaryName { try? removeFile(temporaryName, at: parent) }
  }

  private static func temporaryName(for name: Path) -> Path {
    Path(".\(name.string.prefix(100)).\(processIdentifier()).new")
  }
}

/// False when the name is taken.
func copyFile(_ source: Path, to name: Path, mayLink: Bool, at parent: BorrowedDescriptor) throws(Fault) -> Bool {
  // Non-blocking, so that a FIFO in the place of the file does not hold us up.
  let from = try open(source, [.readOnly, .nonBlocking, .noControllingTerminal])
  let facts = try status(of: from.borrowed)
  guard facts.kind == .regular else { throw Fault("copy", .invalid, arguments: source.quoted) }
  let draft = try Draft(at: parent, near: name)
  do throws(Fault) {
    if try !sharesBlocks(from.borrowed, draft.file.borrowed) {
      if mayLink, let linked = try link(from.borrowed, to: name, at: parent) {
        draft.discard(at: parent)
        return linked
      }
      if facts.blocks * 512 < facts.size {
        try copyData(from.borrowed, to: draft.file.borrowed, size: facts.size)
      } else {
        try copyContents(from.borrowed, to: draft.file.borrowed, size: facts.size)
      }
    }
    try copyFacts(facts, from: from.borrowed, to: draft.file.borrowed)
    return try draft.name(name, at: parent)
  } catch {
    draft.discard(at: parent)
    throw error
  }
}

private func sharesBlocks(_ source: BorrowedDescriptor, _ target: BorrowedDescriptor) throws(Fault) -> Bool {
  do throws(Fault) {
    try reflink(from: source, to: target)
    return true
  } catch {
    switch error.errno {
    case .noSpace, .overQuota, .inputOutput: throw error
    // EOPNOTSUPP, EXDEV, EINVAL, ENOTTY, EPERM: one of the file systems cannot, or not between the two.
    default: return false
    }
  }
}

/// Nil when no hard link can be made between the two places; false when the name is taken.
private func link(_ source: BorrowedDescriptor, to name: Path, at parent: BorrowedDescriptor) throws(Fault) -> Bool? {
  do throws(Fault) {
    try nameFile(source, as: name, at: parent)
    return true
  } catch {
    switch error.errno {
    case .exists: return false
    case .noSpace, .overQuota, .inputOutput: throw error
    // EXDEV, EMLINK, EPERM (protected_hardlinks, a file system without links).
    default: return nil
    }
  }
}

/// Of a file with holes, what lies between them; nothing is written where nothing is.
private func copyData(_ source: BorrowedDescriptor, to target: BorrowedDescriptor, size: Int) throws(Fault) {
  try target.truncate(to: size)
  let chunk = 1 << 18
  var offset = 0
  while let start = try source.nextData(from: offset), start < size {
    let end = min(try source.nextHole(from: start), size)
    try target.seek(to: start)
    var at = start
    while at < end {
      let bytes = try source.read(min(chunk, end - at), at: at)
      if bytes.isEmpty { return }
      try target.write(bytes[...])
      at += bytes.count
    }
    offset = end
  }
}

/// In the kernel where it can, else through a buffer. Both descriptors move on by what was copied, so the second goes on
/// where the first gave up.
private func copyContents(
  _ source: BorrowedDescriptor, to target: BorrowedDescriptor, size: Int
) throws(Fault) {
  var done = 0
  do throws(Fault) {
    while done < size {
      let count = try copyRange(from: source, to: target, count: size - done)
      // A file system that makes its contents up says zero here (Linux 5.3 to 5.18).
      if count == 0 { break }
      done += count
    }
  } catch {
    switch error.errno {
    case .crossDevice, .invalid, .noSystemCall, .notSupported, .notPermitted, .badDescriptor: break
    default: throw error
    }
  }
  var buffer = [UInt8](repeating: 0, count: done >= size ? 4096 : 1 << 18)
  while true {
    let count = try source.read(into: &buffer)
    if count == 0 { return }
    try target.write(buffer[..<count])
  }
}

/// Owner before mode and capabilities: a change of owner takes set-id bits and file capabilities away.
private func copyFacts(
  _ facts: FileStatus, from source: BorrowedDescriptor, to target: BorrowedDescriptor
) throws(Fault) {
  var mode = facts.mode
  if facts.owner != effectiveUser() || facts.group != effectiveGroup() {
    do throws(Fault) {
      try setOwner(of: "", at: target, user: facts.owner, group: facts.group)
    } catch {
      guard error.errno == .notPermitted || error.errno == .invalid else { throw error }
      // The copy is ours now, and must not lend our rights to whoever starts it.
      mode.subtract(0o6000)
    }
  }
  try setMode(of: target, to: mode)
  if mode.rawValue & 0o111 != 0, let value = try extendedAttribute("security.capability", of: source) {
    do throws(Fault) { try setExtendedAttribute("security.capability", to: value, of: target) } catch {
      guard error.errno == .notPermitted || error.errno == .notSupported else { throw error }
    }
  }
  try setModified(of: target, to: facts.modified)
}
