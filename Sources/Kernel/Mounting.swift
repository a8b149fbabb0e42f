internal import CKernel

// The mount API of Linux 5.2 and up, by descriptor; mount(2) is kept for what has no other way.

/// Flags of mount(2), which statfs and mountinfo show too.
package struct MountFlags: FlagWord {
  package let rawValue: UInt
  package init(rawValue: UInt) { self.rawValue = rawValue }
  package static let readOnly = MountFlags(rawValue: 1)
  package static let noSetUserId = MountFlags(rawValue: 2)
  package static let noDevices = MountFlags(rawValue: 4)
  package static let noExecute = MountFlags(rawValue: 8)
  package static let synchronous = MountFlags(rawValue: 16)
  package static let remount = MountFlags(rawValue: 32)
  package static let directorySynchronous = MountFlags(rawValue: 128)
  package static let noAccessTime = MountFlags(rawValue: 1 << 10)
  package static let noDirectoryAccessTime = MountFlags(rawValue: 1 << 11)
  package static let bind = MountFlags(rawValue: 1 << 12)
  package static let move = MountFlags(rawValue: 1 << 13)
  package static let recursive = MountFlags(rawValue: 1 << 14)
  package static let unbindable = MountFlags(rawValue: 1 << 17)
  package static let `private` = MountFlags(rawValue: 1 << 18)
  package static let slave = MountFlags(rawValue: 1 << 19)
  package static let shared = MountFlags(rawValue: 1 << 20)
  package static let relativeAccessTime = MountFlags(rawValue: 1 << 21)
  package static let strictAccessTime = MountFlags(rawValue: 1 << 24)
}

/// Attributes of one mount as mount_setattr(2) and fsmount(2) take them.
package struct MountAttributes: FlagWord {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  package static let readOnly = MountAttributes(rawValue: 0x1)
  package static let noSetUserId = MountAttributes(rawValue: 0x2)
  package static let noDevices = MountAttributes(rawValue: 0x4)
  package static let noExecute = MountAttributes(rawValue: 0x8)
  /// The three-valued access-time field; relatime is its zero.
  package static let accessTimeMask = MountAttributes(rawValue: 0x70)
  package static let noAccessTime = MountAttributes(rawValue: 0x10)
  package static let strictAccessTime = MountAttributes(rawValue: 0x20)
  package static let noDirectoryAccessTime = MountAttributes(rawValue: 0x80)
  package static let identityMapped = MountAttributes(rawValue: 0x10_0000)
  package static let noSymlinkFollow = MountAttributes(rawValue: 0x20_0000)
}

/// How mounts travel between peer groups (mount_namespaces(7)).
package enum Propagation: UInt64, Hashable, Sendable {
  case `private` = 0x4_0000
  case slave = 0x8_0000
  case shared = 0x10_0000
  case unbindable = 0x2_0000
}

/// mount(2).
package func mount(
  source: Path, on target: Path, type: Path = "", flags: MountFlags, data: Path = ""
) throws(Fault) {
  _ = try source.withAddress { (source_) throws(Fault) in
    try target.withAddress { (target_) throws(Fault) in
      try type.withAddress { (type_) throws(Fault) in
        try data.withAddress { (data_) throws(Fault) in
          try systemCall(
            "mount", Int(SYS_mount), source_, target_, type.isEmpty ? 0 : type_, Int(flags.rawValue),
            data.isEmpty ? 0 : data_,
            arguments: "\(source.quoted), \(target.quoted), \(type.quoted), 0x\(String(flags.rawValue, radix: 16)), "
              + shortened(data))
        }
      }
    }
  }
}

/// Options of an overlay can fill a page.
private func shortened(_ data: Path) -> String {
  let text = data.quoted
  return text.utf8.count <= 400 ? text : "\(text.prefix(200))…\(text.suffix(150))"
}

/// umount2(2). `detach` takes the tree out of sight at once and lets it go when nobody uses it any more.
package func unmount(_ target: Path, detach: Bool = true) throws(Fault) {
  let flags = (detach ? 2 : 0) | 8  // MNT_DETACH, UMOUNT_NOFOLLOW
  _ = try target.withAddress { (target_) throws(Fault) in
    try systemCall("umount2", Int(SYS_umount2), target_, flags, arguments: target.quoted)
  }
}

package func pivotRoot(newRoot: Path, putOld: Path) throws(Fault) {
  _ = try newRoot.withAddress { (new_) throws(Fault) in
    try putOld.withAddress { (old_) throws(Fault) in
      try systemCall(
        "pivot_root", Int(SYS_pivot_root), new_, old_, arguments: "\(newRoot.quoted), \(putOld.quoted)")
    }
  }
}

/// open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at the path. An empty path copies what the
/// descriptor itself refers to.
package func cloneMount(
  _ path: Path, at directory: BorrowedDescriptor = .workingDirectory, recursive: Bool
) throws(Fault) -> Descriptor {
  var flags = UInt32(OPEN_TREE_CLONE) | UInt32(O_CLOEXEC)
  if recursive { flags |= 0x8000 }  // AT_RECURSIVE
  if path.isEmpty { flags |= UInt32(AT_EMPTY_PATH) }
  let raw = try path.withAddress { (address) throws(Fault) in
    try systemCall(
      "open_tree", Int(SYS_open_tree), directory.argument, address, Int(flags),
      arguments: "\(directory.description), \(path.quoted), OPEN_TREE_CLONE\(recursive ? "|AT_RECURSIVE" : "")")
  }
  return Descriptor(owning: Int32(raw))
}

/// fsopen(2): a new, empty file system context.
package func openFileSystem(_ type: Path) throws(Fault) -> Descriptor {
  let raw = try type.withAddress { (address) throws(Fault) in
    try systemCall("fsopen", Int(SYS_fsopen), address, 1, arguments: type.quoted)
  }
  return Descriptor(owning: Int32(raw))
}

/// fsconfig(2) with a string or, without a value, a flag.
package func configure(_ context: BorrowedDescriptor, _ key: Path, _ value: Path?) throws(Fault) {
  _ = try key.withAddress { (key_) throws(Fault) in
    guard let value else {
      return try systemCall(
        "fsconfig", Int(SYS_fsconfig), context.argument, 0, key_, 0, 0,
        arguments: "\(context.description), FSCONFIG_SET_FLAG, \(key.quoted)")
    }
    return try value.withAddress { (value_) throws(Fault) in
      try systemCall(
        "fsconfig", Int(SYS_fsconfig), context.argument, 1, key_, value_, 0,
        arguments: "\(context.description), FSCONFIG_SET_STRING, \(key.quoted), \(value.quoted)")
    }
  }
}

/// fsconfig(2) FSCONFIG_CMD_CREATE and fsmount(2): the configured file system as a detached mount.
package func createMount(
  of context: BorrowedDescriptor, attributes: MountAttributes
) throws(Fault) -> Descriptor {
  _ = try systemCall(
    "fsconfig", Int(SYS_fsconfig), context.argument, 6, 0, 0, 0,
    arguments: "\(context.description), FSCONFIG_CMD_CREATE")
  let raw = try systemCall(
    "fsmount", Int(SYS_fsmount), context.argument, 1, Int(attributes.rawValue),
    arguments: "\(context.description), 0x\(String(attributes.rawValue, radix: 16))")
  return Descriptor(owning: Int32(raw))
}

/// The messages that the kernel left in a file system context: why fsconfig or fsmount refused. Each begins with its kind:
/// `e ` for an error, `w ` and `i ` for what is only worth knowing.
package func messages(of context: BorrowedDescriptor) -> String? {
  var buffer = [UInt8](repeating: 0, count: 1024)
  var lines: [String] = []
  while lines.count < 8, let count = try? context.read(into: &buffer), count > 0 {
    let line = String(decoding: buffer[..<count], as: UTF8.self).trimmed
    lines.append(line.dropFirst().first == " " ? String(line.dropFirst(2)) : line)
  }
  return lines.isEmpty ? nil : lines.joined(separator: "; ")
}

/// move_mount(2): attaches a detached mount onto the file that `target` is open on, by descriptor alone, so that no path
/// is resolved again.
package func moveMount(_ mount: BorrowedDescriptor, onto target: BorrowedDescriptor) throws(Fault) {
  try moveMount(mount, to: "", at: target)
}

package func moveMount(_ mount: BorrowedDescriptor, to path: Path, at directory: BorrowedDescriptor) throws(Fault) {
  let empty = Path("")
  let flags: UInt32 = 0x4 | (path.isEmpty ? 0x40 : 0)  // F_EMPTY_PATH, T_EMPTY_PATH
  _ = try empty.withAddress { (empty_) throws(Fault) in
    try path.withAddress { (path_) throws(Fault) in
      try systemCall(
        "move_mount", Int(SYS_move_mount), mount.argument, empty_, directory.argument, path_, Int(flags),
        arguments: "\(mount.description), \"\", \(directory.description), \(path.quoted)")
    }
  }
}

/// mount_setattr(2) (Linux 5.12) on the mount that a descriptor refers to.
package func setMountAttributes(
  of mount: BorrowedDescriptor, set: MountAttributes = [], clear: MountAttributes = [],
  propagation: Propagation? = nil, userNamespace: BorrowedDescriptor? = nil, recursive: Bool
) throws(Fault) {
  var attributes = mount_attr(
    attr_set: set.rawValue, attr_clr: clear.rawValue, propagation: propagation?.rawValue ?? 0,
    userns_fd: UInt64(max(0, userNamespace?.rawValue ?? 0)))
  let flags = Int(AT_EMPTY_PATH) | (recursive ? 0x8000 : 0)
  let empty = Path("")
  _ = try withMutableAddress(of: &attributes) { (base) throws(Fault) in
    try empty.withAddress { (empty_) throws(Fault) in
      try systemCall(
        "mount_setattr", Int(SYS_mount_setattr), mount.argument, empty_, flags, base, MemoryLayout<mount_attr>.size,
        arguments: "\(mount.description), \"\", set=0x\(String(set.rawValue, radix: 16)) "
          + "clear=0x\(String(clear.rawValue, radix: 16))\(recursive ? ", AT_RECURSIVE" : "")")
    }
  }
}

extension String {
  /// Without white space at both ends.
  package var trimmed: String {
    func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
    let bytes = Array(utf8)
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }
}
