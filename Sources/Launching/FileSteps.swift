package import Kernel
package import Steps

/// Performs a step on the paths that it names, which the caller trusts: links in them are followed.
///
/// Every file appears whole or not at all, so that a crash in the middle leaves no half of one.
///
/// - Returns: false when what the step would make was there already: it was left as it is, and is not the caller's to undo.
@discardableResult
package func perform(_ step: FileStep) throws(Fault) -> Bool {
  let parent = try openParent(of: step.path)
  return try perform(step, at: parent.borrowed)
}

/// As `perform(_:)`, with the directory above the step's path already open: only its last component is looked up.
@discardableResult
package func perform(_ step: FileStep, at parent: BorrowedDescriptor) throws(Fault) -> Bool {
  let name = step.path.lastComponent
  do throws(Fault) {
    switch step {
    case .makeDirectory(_, let mode): return try makeOneDirectory(name, mode: mode, at: parent)
    case .copyFile(let source, _, let mayLink): return try copyFile(source, to: name, mayLink: mayLink, at: parent)
    case .makeSymbolicLink(_, let target): return try makeOneLink(name, to: target, at: parent)
    case .writeFile(_, let contents, let mode): try writeFile(name, contents, mode: mode, at: parent)
    case .copySecret(let source, _, let mode, let user, let group):
      // Docker's bound of a secret is 500 kB.
      try writeFile(name, try readFile(source, limit: 1 << 20), mode: mode, owner: (user, group), at: parent)
    case .rename(let source, _):
      let old = try openParent(of: source)
      try rename(source.lastComponent, at: old.borrowed, to: name, at: parent, .noReplace)
    case .removeFile: try removeFile(name, at: parent)
    case .removeDirectory: try removeDirectory(name, at: parent)
    case .removeTree: try removeTree(name, at: parent)
    case .limitSpace(let directories, let bytes, let project):
      try limitSpace(of: directories, to: bytes, project: project)
    case .setLimit(let directory, let bytes): try setLimit(of: directory, to: bytes)
    }
    return true
  } catch {
    // Calls by descriptor show numbers; what a person knows is the step's path.
    throw Fault(operation: error.operation, error.errno, arguments: step.names, hint: error.hint)
  }
}

extension FileStep {
  fileprivate var names: String {
    switch self {
    case .copyFile(let source, let path, _), .copySecret(let source, let path, _, _, _),
      .rename(let source, let path):
      "\(source.quoted), \(path.quoted)"
    default: path.quoted
    }
  }
}

private func openParent(of path: Path) throws(Fault) -> Descriptor {
  let above = path.parent
  return try open(above.isEmpty ? "." : above, [.path, .directory])
}

private func makeOneDirectory(_ name: Path, mode: FileMode, at parent: BorrowedDescriptor) throws(Fault) -> Bool {
  do throws(Fault) {
    try makeDirectory(name, mode: mode, at: parent)
  } catch {
    guard error.errno == .exists, try status(of: name, at: parent).kind == .directory else { throw error }
    return false
  }
  // mkdir(2) takes the umask off the mode, and may not know the sticky bit.
  let made = try open(name, [.readOnly, .directory, .noFollow], at: parent)
  try setMode(of: made.borrowed, to: mode)
  return true
}

private func makeOneLink(_ name: Path, to target: Path, at parent: BorrowedDescriptor) throws(Fault) -> Bool {
  do throws(Fault) {
    try makeSymbolicLink(name, to: target, at: parent)
    return true
  } catch {
    guard error.errno == .exists else { throw error }
    return false
  }
}

private func writeFile(
  _ name: Path, _ contents: [UInt8], mode: FileMode, owner: (user: UInt32, group: UInt32)? = nil,
  at parent: BorrowedDescriptor
) throws(Fault) {
  let draft = try Draft(at: parent, near: name)
  do throws(Fault) {
    if let owner { try setOwner(of: "", at: draft.file.borrowed, user: owner.user, group: owner.group) }
    try draft.file.borrowed.write(contents)
    try setMode(of: draft.file.borrowed, to: mode)
    try draft.replace(name, at: parent)
  } catch {
    draft.discard(at: parent)
    throw error
  }
}
