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
  /// All that the directories come to hold may take so many bytes together: they become a project of their own, the first
  /// from `project` on that is nobody's, on a file system with project quotas. They are empty, and beside each other.
  case limitSpace(of: [Path], bytes: UInt64, project: UInt32)
  /// Another limit for what the directory's project holds. 0 is none: then it is nobody's when the directory is gone.
  case setLimit(of: Path, bytes: UInt64)

  /// The name that the step makes or takes away.
  package var path: Path {
    switch self {
    case .makeDirectory(let path, _), .copyFile(_, let path, _), .makeSymbolicLink(let path, _),
      .writeFile(let path, _, _), .copySecret(_, let path, _, _, _), .rename(_, let path), .removeFile(let path),
      .removeDirectory(let path), .removeTree(let path), .setLimit(let path, _):
      path
    case .limitSpace(let paths, _, _): paths.first ?? ""
    }
  }

  var undo: FileStep? {
    switch self {
    case .makeDirectory(let path, _): .removeDirectory(path)
    case .copyFile(_, let path, _), .makeSymbolicLink(let path, _), .writeFile(let path, _, _),
      .copySecret(_, let path, _, _, _):
      .removeFile(path)
    case .rename(let source, let target): .rename(from: target, to: source)
    case .limitSpace(let paths, _, _): paths.last.map { .setLimit(of: $0, bytes: 0) }
    case .removeFile, .removeDirectory, .removeTree, .setLimit: nil
    }
  }
}
