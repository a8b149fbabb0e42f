internal import Kernel
internal import Rooted

/// A directory that stays open while its entries come.
final class OpenDirectory {
  private let descriptor: Descriptor
  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
  var borrowed: BorrowedDescriptor { descriptor.borrowed }
}

/// The directories that a layer's last entries were in: an archive stays in a directory for a while, and resolving its path
/// costs more than making a file in it.
struct OpenDirectories {
  private static let limit = 64
  private var open: [Path: OpenDirectory] = [:]
  private var last: (path: Path, directory: OpenDirectory)?

  /// The directory of an entry, made with those above it where they are missing.
  mutating func parent(of place: EntryName, in root: borrowing Root) throws(Fault) -> OpenDirectory {
    try get(place.parent) { (path) throws(Fault) in try root.makeDirectories(path, mode: 0o755) }
  }

  /// A directory that is there, empty for the top.
  mutating func opened(_ path: Path, in root: borrowing Root) throws(Fault) -> OpenDirectory {
    try get(path) { (path) throws(Fault) in try root.open(path, [.path, .directory]) }
  }

  private mutating func get(
    _ path: Path, _ body: (Path) throws(Fault) -> Descriptor
  ) throws(Fault) -> OpenDirectory {
    // An entry is mostly in the directory of the one before.
    if let last, last.path == path { return last.directory }
    let directory: OpenDirectory
    if let found = open[path] {
      directory = found
    } else {
      directory = OpenDirectory(try body(path.isEmpty ? "." : path))
      if open.count == Self.limit { open.removeAll(keepingCapacity: true) }
      open[path] = directory
    }
    last = (path, directory)
    return directory
  }

  /// To be called when a directory or a link is taken away.
  mutating func removeAll() {
    open.removeAll(keepingCapacity: true)
    last = nil
  }
}
