internal import Kernel
internal import Rooted

/// The empty files and directories of an upper directory that are there only because something was mounted over them.
/// Docker has them in a layer of its own below the container's, so that neither diff nor commit ever sees them.
struct MountPoints {
  /// One name of the paths that may be mount points.
  private struct Node {
    var isMountPoint = false
    var children: [Path: Node] = [:]

    mutating func insert(_ components: ArraySlice<Path>) {
      guard let first = components.first else { return isMountPoint = true }
      children[first, default: Node()].insert(components.dropFirst())
    }
  }

  /// Paths from the top of the upper directory, as the packer and the comparison have them: `/etc/hostname`.
  private(set) var paths: Set<Path> = []
  /// Nothing else is in the upper directory.
  private(set) var areAll = false
  private let overlay: OverlayAttributes

  /// - Parameters:
  ///   - candidates: what the maker of the container mounts over, absolute.
  ///   - lowers: topmost first. What the image has itself is no mount point of ours.
  init(
    _ candidates: [Path], in upper: borrowing Root, lowers: [Path], overlay: OverlayAttributes
  ) throws(Fault) {
    self.overlay = overlay
    var top = Node()
    for candidate in candidates { top.insert(candidate.components[...]) }
    let directory = try upper.open("/", [.readOnly, .directory])
    areAll = try consistsOf(top, directory.borrowed, "/", LowerView(lowers))
  }

  /// Collects what is below a directory, and says whether that is all there is.
  private mutating func consistsOf(
    _ node: Node, _ directory: BorrowedDescriptor, _ path: Path, _ lowers: LowerView
  ) throws(Fault) -> Bool {
    var isAll = true
    for entry in try entries(of: directory) {
      guard let child = node.children[entry.name] else {
        isAll = false
        continue
      }
      let place = path.appending(entry.name)
      if try isOurs(child, entry.name, in: directory, place, lowers) { paths.insert(place) } else { isAll = false }
    }
    return isAll
  }

  private mutating func isOurs(
    _ node: Node, _ name: Path, in parent: BorrowedDescriptor, _ path: Path, _ lowers: LowerView
  ) throws(Fault) -> Bool {
    guard let status = try? status(of: name, at: parent, followLinks: false) else { return false }
    let below = try lowers.look(up: name)
    guard status.kind == .directory else {
      return node.isMountPoint && status.kind == .regular && status.size == 0 && below == nil
    }
    let directory = try open(name, [.readOnly, .directory, .noFollow], at: parent)
    guard try consistsOf(node, directory.borrowed, path, below?.below ?? LowerView([])) else { return false }
    guard let below else { return status.owner == 0 && status.group == 0 && status.mode == 0o755 }
    // The image's own directory came up for the mount points in it; a change of its own it may have all the same.
    guard below.status.kind == .directory, status.mode == below.status.mode, status.owner == below.status.owner,
      status.group == below.status.group, try !overlay.isOpaque(directory.borrowed)
    else { return false }
    let original = try open(below.path, [.readOnly, .directory, .noFollow])
    return try OverlayAttributes.portable(of: directory.borrowed)
      == OverlayAttributes.portable(of: original.borrowed)
  }
}
