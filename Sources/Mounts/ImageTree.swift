internal import Kernel
internal import Rooted
internal import Steps

// An image that is seen below the new root, read-only, and the part of something that `subpath` names.

extension MountExecutor {
  mutating func mountImage(_ bind: BindMount) throws(Fault) {
    let tree: Descriptor
    do throws(Fault) { tree = try makeImageTree(of: bind) } catch {
      guard error.isMissingCall || lacksLayersOneByOne(error), bind.subpath == nil else { throw error }
      return try classicImage(bind)
    }
    let target = try openTarget(of: bind, like: tree.borrowed)
    try attach(tree.borrowed, onto: target.borrowed, bind)
  }

  /// Without an upper directory an overlay is read-only.
  private mutating func classicImage(_ bind: BindMount) throws(Fault) {
    let target = try withRoot { (root) throws(Fault) in try root.makeDirectories(bind.target) }
    var overlay = OverlayMount(target: bind.target, lower: bind.layers, upper: nil, work: nil)
    var layers = OpenDirectories()
    for layer in bind.layers { try layers.append(layer) }
    overlay.lower = layers.numbers.map { Path("\($0)") }
    do throws(Fault) {
      try classicMount(source: "overlay", on: target.borrowed, type: "overlay", flags: [], data: try overlay.data())
    } catch { throw error.hinted(overlayHint(error.errno)) }
  }
}

/// A detached mount of an image's layers.
///
/// - Parameters:
///   - userNamespace: whose ids its files are shown with; nil for those on the disk.
///   - owner: that namespace's root.
func makeImageTree(
  of bind: BindMount, _ userNamespace: BorrowedDescriptor? = nil, owner: HostIdentity? = nil
) throws(Fault) -> Descriptor {
  let overlay = OverlayMount(target: "", lower: bind.layers, upper: nil, work: nil)
  try overlay.checkDepth()
  let mapped = bind.isMapped ? userNamespace : nil
  // One layer and nothing above it is no overlay to the kernel, and needs none.
  let tree: Descriptor
  if bind.layers.count == 1 {
    tree = try cloneMount(bind.layers[0], recursive: false)
    if let mapped { try mapIdentifiers(of: tree.borrowed, mapped, bind.layers[0]) }
  } else if let mapped, let owner {
    tree = try makeMappedOverlay(overlay, mapped, owner)
  } else {
    do throws(Fault) { tree = try makeOverlay(overlay, attributes: .readOnly) } catch {
      throw error.hinted(overlayHint(error.errno))
    }
  }
  try setMountAttributes(of: tree.borrowed, set: .readOnly, recursive: false)
  if let subpath = bind.subpath { return try openMountedPart(subpath, of: tree.borrowed, over: bind.layers[0]) }
  return tree
}

/// Only what is mounted somewhere can be copied in part, so it is, where nobody sees it.
private func openMountedPart(
  _ subpath: Path, of tree: BorrowedDescriptor, over place: Path
) throws(Fault) -> Descriptor {
  try inOwnMountNamespace { () throws(Fault) in
    // A link leads to the layer; what is mounted over is the layer.
    let below = try open(place, [.path, .directory])
    try moveMount(tree, onto: below.borrowed)
    let whole = try open(place, [.path, .directory])
    let part = try openPart(subpath, of: whole)
    return try cloneMount("", at: part.borrowed, recursive: false)
  }
}

/// What the source of a bind is, or the part of it that is asked for.
func openBindSource(of bind: BindMount) throws(Fault) -> Descriptor {
  let source = try openBindSource(bind.source)
  guard let subpath = bind.subpath else { return source }
  return try openPart(subpath, of: source)
}

/// A link in the source leads nowhere but into it: whoever fills a volume would else choose what of the host is mounted.
private func openPart(_ subpath: Path, of source: consuming Descriptor) throws(Fault) -> Descriptor {
  do throws(Fault) { return try Root(source).open(subpath, .path) } catch {
    throw error.hinted(error.errno == .noSuchFile ? "there is no \(subpath) in it; make it before it is mounted" : nil)
  }
}
