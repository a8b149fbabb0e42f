internal import Archive
internal import Kernel

/// How overlayfs marks things in the directories it is made of (the kernel's overlayfs.rst).
struct OverlayAttributes {
  private let prefix: String

  /// - Parameter usesUserAttributes: mounted with `userxattr`. A container can write `user.*` itself, so only then do those
  ///   mean anything. It is so where `trusted.*` is closed to who mounts: in a user namespace.
  init(usesUserAttributes: Bool = !isRootOfHost()) {
    prefix = usesUserAttributes ? "user.overlay." : "trusted.overlay."
  }

  private var opaque: Path { Path(prefix + "opaque") }

  func isOpaque(_ directory: BorrowedDescriptor) throws(Fault) -> Bool {
    try extendedAttribute(opaque, of: directory) == [UInt8(ascii: "y")]
  }

  func markOpaque(_ directory: BorrowedDescriptor) throws(Fault) {
    try setExtendedAttribute(opaque, to: [UInt8(ascii: "y")], of: directory)
  }

  /// A directory that was renamed, or a file whose contents stayed below: Skiff mounts so that neither is made, for what
  /// they stand for cannot be told from the upper directory alone.
  func pointsElsewhere(_ file: BorrowedDescriptor) throws(Fault) -> Bool {
    for mark in ["redirect", "metacopy"] where try extendedAttribute(Path(prefix + mark), of: file) != nil {
      return true
    }
    return false
  }

  static func isWhiteout(_ status: FileStatus) -> Bool {
    status.kind == .characterDevice && status.device == DeviceNumber(major: 0, minor: 0)
  }

  /// What a tar keeps of a file's attributes, sorted by name.
  static func portable(of file: BorrowedDescriptor) throws(Fault) -> [ExtendedAttribute] {
    var attributes: [ExtendedAttribute] = []
    for name in try extendedAttributeNames(of: file) where isPortable(name) {
      if let value = try extendedAttribute(name, of: file) {
        attributes.append(ExtendedAttribute(name: name, value: value))
      }
    }
    return attributes.sorted { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }
  }

  /// Whether an attribute belongs to the file and not to this host: not overlayfs's marks, which in an image would reach
  /// into other layers, nor labels that only this host's policy gives meaning to.
  static func isPortable(_ name: Path) -> Bool {
    let text = name.string
    return !["trusted.overlay.", "user.overlay.", "security.selinux", "security.ima", "security.evm"].contains {
      text.hasPrefix($0)
    }
  }
}
