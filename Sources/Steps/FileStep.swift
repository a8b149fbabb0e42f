package import Kernel

/// A change to files of the host, on trusted paths only: what Skiff keeps for itself, and what `stage` builds.
package enum FileStep: Hashable, Sendable {
  /// mkdir(2). A directory that is there already is not this step's: it is left, and not undone.
  case makeDirectory(Path, mode: FileMode)
  /// The file's contents, owner, mode and times: by reflink where the file systems can, else by hard link where `mayLink`,
  /// else by copy. A file that is there already is left, and not undone.
  case copyFile(from: Path, to: Path, mayLink: Bool)
  /// `path` becomes a link that reads `target`. A name that is taken is left, and not undone.
  case makeSymbolicLink(Path, target: Path)
  /// A whole new file, in place of the one that has the name.
  case writeFile(Path, contents: [UInt8], mode: FileMode)
  /// A new file with another one's contents, which nobody is shown, and with this mode and owner.
  case copySecret(from: Path, to: Path, mode: FileMode, user: UInt32, group: UInt32)
  /// renameat2(2) with RENAME_NOREPLACE: what was built aside gets its name when it is whole.
  case rename(from: Path, to: Path)
  case removeFile(Path)
  case removeDirectory(Path)
  case removeTree(Path)

  /// The name that the step makes or takes away.
  package var path: Path {
    switch self {
    case .makeDirectory(let path, _), .copyFile(_, let path, _), .makeSymbolicLink(let path, _),
      .writeFile(let path, _, _), .copySecret(_, let path, _, _, _), .rename(_, let path), .removeFile(let path),
      .removeDirectory(let path), .removeTree(let path):
      path
    }
  }

  var undo: FileStep? {
    switch self {
    case .makeDirectory(let path, _): .removeDirectory(path)
    case .copyFile(_, let path, _), .makeSymbolicLink(let path, _), .writeFile(let path, _, _),
      .copySecret(_, let path, _, _, _):
      .removeFile(path)
    case .rename(let source, let target): .rename(from: target, to: source)
    case .removeFile, .removeDirectory, .removeTree: nil
    }
  }
}
