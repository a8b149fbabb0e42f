package import Kernel

/// A change to files of the host, on trusted paths only: what Skiff keeps for itself, and what `stage` builds.
package enum FileStep: Hashable, Sendable {
  /// mkdir(2). A directory that is there already is not this step's: it is left, and not undone.
  case makeDirectory(Path, mode: FileMode)
  /// The file's contents, mode and times: by reflink where the file systems can, else by hard link where `mayLink`, else by copy.
  case copyFile(from: Path, to: Path, mayLink: Bool)
  /// `path` becomes a link that reads `target`.
  case makeSymbolicLink(Path, target: Path)
  /// A whole new file.
  case writeFile(Path, contents: [UInt8], mode: FileMode)
  case removeFile(Path)
  case removeDirectory(Path)
  case removeTree(Path)

  var undo: FileStep? {
    switch self {
    case .makeDirectory(let path, _): .removeDirectory(path)
    case .copyFile(_, let path, _), .makeSymbolicLink(let path, _), .writeFile(let path, _, _): .removeFile(path)
    case .removeFile, .removeDirectory, .removeTree: nil
    }
  }
}
