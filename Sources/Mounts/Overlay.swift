package import Kernel
package import Rooted
internal import Steps

// An overlay as a detached mount.

/// The layers of an image, topmost first, as one read-only tree that is mounted nowhere and ends with its descriptor: to
/// look into an image, or copy from it, without a container.
package func openLayers(_ lower: [Path]) throws(Fault) -> Root {
  do throws(Fault) {
    switch lower.count {
    case 0: throw Fault("mount", .invalid, arguments: "overlay without a layer")
    case 1: return try Root(at: lower[0])
    default:
      let view = OverlayMount(
        target: "", lower: lower, upper: nil, work: nil, usesUserAttributes: !isRootOfHost())
      return Root(try makeOverlay(view, attributes: [.readOnly, .noSetUserId, .noDevices, .noExecute]))
    }
  } catch { throw error.hinted(overlayHint(error.errno)) }
}

func makeOverlay(_ overlay: OverlayMount, attributes: MountAttributes) throws(Fault) -> Descriptor {
  let context = try openFileSystem("overlay")
  do throws(Fault) {
    try configure(context.borrowed, "source", "overlay")
    for layer in overlay.lower { try configure(context.borrowed, "lowerdir+", layer) }
    if let upper = overlay.upper { try configure(context.borrowed, "upperdir", upper) }
    if let work = overlay.work { try configure(context.borrowed, "workdir", work) }
    for option in plainOverlayOptions { try configure(context.borrowed, option.key, option.value) }
    if overlay.isVolatile { try configure(context.borrowed, "volatile", nil) }
    if overlay.usesUserAttributes { try configure(context.borrowed, "userxattr", nil) }
    return try createMount(of: context.borrowed, attributes: attributes)
  } catch {
    let words = messages(of: context.borrowed)
    if words?.contains("not supported as upperdir") == true {
      throw error.hinted(
        "the file system there (an overlay, a network file system) cannot hold what a container writes: keep Skiff's "
          + "state on ext4, xfs, btrfs or tmpfs with --root")
    }
    throw error.hinted(words)
  }
}

/// What would make a layer depend on other files than its own, or follow what a hostile layer says, is off; distributions
/// differ in their defaults (Documentation/filesystems/overlayfs.rst).
let plainOverlayOptions: [(key: Path, value: Path)] = [
  ("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off"), ("xino", "off"),
]

extension OverlayMount {
  func checkDepth() throws(Fault) {
    guard !lower.isEmpty else { throw Fault("mount", .invalid, arguments: "overlay without a layer") }
    guard lower.count <= Self.maximumDepth else {
      throw Fault(
        "mount", .invalid, arguments: "overlay of \(lower.count) layers",
        hint: "the kernel stacks at most \(Self.maximumDepth); make an image of fewer")
    }
  }

  /// The options as mount(2) takes them: one string, of one page.
  func data() throws(Fault) -> Path {
    var options = ["lowerdir=" + lower.map(\.string).joined(separator: ":")]
    if let upper { options.append("upperdir=\(upper)") }
    if let work { options.append("workdir=\(work)") }
    options += plainOverlayOptions.map { "\($0.key)=\($0.value)" }
    if isVolatile { options.append("volatile") }
    if usesUserAttributes { options.append("userxattr") }
    let data = options.joined(separator: ",")
    guard data.utf8.count < 4096 else {
      throw Fault("mount", .argumentListTooLong, arguments: "overlay of \(lower.count) layers")
    }
    return Path(data)
  }
}

func overlayHint(_ errno: Errno) -> String? {
  switch errno {
  case .noSuchDevice: "this kernel has no overlay file system: load the module `overlay`, or use --rootfs"
  case .noSuchFile: "a layer of the image is missing on the disk"
  case .invalid:
    "overlay refuses these directories: upper and work must lie on one file system that keeps extended attributes"
  case .notPermitted: "overlay in a user namespace needs Linux 5.11"
  default: nil
  }
}
