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

  /// The directory of an entry, made with those above it where they are missing.
  mutating func parent(of place: EntryName, in root: borrowing Root) throws(Fault) -> OpenDirectory {
    if let found = open[place.parent] { return found }
    let parent = place.parent.isEmpty ? "." : place.parent
    let made = OpenDirectory(try root.makeDirectories(parent, mode: 0o755))
    if open.count == Self.limit { open.removeAll(keepingCapacity: true) }
    open[place.parent] = made
    return made
  }

  /// To be called when a directory or a link is taken away.
  mutating func removeAll() { open.removeAll(keepingCapacity: true) }
}
