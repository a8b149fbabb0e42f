package import Blobs
package import Kernel
internal import Rooted

/// One difference between a container's root and its image.
package struct Change: Hashable, Sendable {
  /// The letters that `docker diff` prints.
  package enum Kind: String, Hashable, Sendable { case added = "A", changed = "C", deleted = "D" }
  package var kind: Kind
  /// Absolute, inside the container.
  package var path: Path
  package init(_ kind: Kind, _ path: Path) {
    self.kind = kind
    self.path = path
  }
}

/// What an overlay's upper directory changes about its lower ones, as `docker diff` says it: a directory above a change
/// counts as changed, of a removed directory only its top is named, and one that was replaced names what it lost.
///
/// - Parameters:
///   - lowers: topmost first.
///   - mountPoints: where something was mounted for every container: empty, and not in the image, they are no changes.
/// - Returns: sorted by path.
package func overlayChanges(
  upper: Path, lowers: [Path], mountPoints: [Path] = [], usesUserAttributes: Bool = !isRootOfHost()
) throws(StoreError) -> [Change] {
  do throws(Fault) {
    let overlay = OverlayAttributes(usesUserAttributes: usesUserAttributes)
    let root = try Root(at: upper)
    let ignored = try MountPoints(mountPoints, in: root, lowers: lowers, overlay: overlay).paths
    var comparison = OverlayComparison(upper: root, overlay: overlay, ignored: ignored)
    try comparison.run(lowers)
    return comparison.sorted
  } catch { throw StoreError("cannot compare \(upper) with its image", error) }
}

private struct OverlayComparison: ~Copyable {
  private let upper: Root
  private let overlay: OverlayAttributes
  private let ignored: Set<Path>
  /// By path: an entry's parents are added when the entry is.
  private var changes: [Path: Change.Kind] = [:]

  init(upper: consuming Root, overlay: OverlayAttributes, ignored: Set<Path>) {
    self.upper = upper
    self.overlay = overlay
    self.ignored = ignored
  }

  var sorted: [Change] {
    changes.map { Change($0.value, $0.key) }.sorted { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
  }

  mutating func run(_ lowers: [Path]) throws(Fault) {
    // A list instead of recursion: a container decides how deep its directories are.
    var waiting: [(path: Path, lowers: LowerView)] = [("/", LowerView(lowers))]
    while let (path, lowers) = waiting.popLast() {
      guard let directory = try? upper.open(path, [.readOnly, .directory, .noFollow]) else { continue }
      // What is in an opaque one is compared all the same: a file of the same name may be the same file.
      if try overlay.isOpaque(directory.borrowed) { try recordLosses(of: path, lowers, to: directory.borrowed) }
      for entry in try entries(of: directory.borrowed) {
        guard let status = try? status(of: entry.name, at: directory.borrowed, followLinks: false) else { continue }
        let child = path.appending(entry.name)
        if ignored.contains(child) { continue }
        let before = try lowers.look(up: entry.name)
        if OverlayAttributes.isWhiteout(status) {
          if before != nil { record(.deleted, child) }
          continue
        }
        guard let before else {
          record(.added, child)
          if status.kind == .directory { waiting.append((child, LowerView([]))) }
          continue
        }
        if try isDifferent(entry.name, status, in: directory.borrowed, from: before) { record(.changed, child) }
        if status.kind == .directory { waiting.append((child, before.below)) }
      }
    }
  }

  private mutating func record(_ kind: Change.Kind, _ path: Path) {
    changes[path] = kind
    var parent = path.components.dropLast()
    while !parent.isEmpty {
      let bytes = parent.flatMap { [UInt8(ascii: "/")] + $0.bytes }
      let above = Path(bytes: bytes) ?? "/"
      if changes[above] != nil { return }
      changes[above] = .changed
      parent = parent.dropLast()
    }
  }

  /// An opaque directory took the place of those below: what they had and it has not was removed.
  private mutating func recordLosses(
    of path: Path, _ lowers: LowerView, to directory: BorrowedDescriptor
  ) throws(Fault) {
    let kept = Set(try entries(of: directory).map(\.name))
    var names: Set<Path> = []
    for lower in lowers.directories {
      for entry in try entries(of: lower) where !kept.contains(entry.name) { names.insert(entry.name) }
    }
    for name in names where try lowers.look(up: name) != nil { record(.deleted, path.appending(name)) }
  }

  /// As docker compares: of a directory neither size nor time says anything.
  private func isDifferent(
    _ name: Path, _ status: FileStatus, in directory: BorrowedDescriptor, from before: LowerView.Found
  ) throws(Fault) -> Bool {
    let old = before.status
    guard status.kind == old.kind, status.mode == old.mode, status.owner == old.owner, status.group == old.group,
      status.device == old.device
    else { return true }
    if status.kind == .directory { return false }
    if status.size != old.size || status.modified != old.modified { return true }
    guard status.kind == .regular else { return false }
    let new = try open(name, [.readOnly, .noFollow, .nonBlocking], at: directory)
    let earlier = try open(before.path, [.readOnly, .noFollow, .nonBlocking])
    return try extendedAttribute("security.capability", of: new.borrowed)
      != extendedAttribute("security.capability", of: earlier.borrowed)
  }
}
