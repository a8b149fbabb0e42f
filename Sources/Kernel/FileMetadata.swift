internal import CKernel

// Owners, modes, times and extended attributes.

/// fchmodat(2) through a descriptor, so that no link is followed.
package func setMode(of descriptor: BorrowedDescriptor, to mode: FileMode) throws(Fault) {
  _ = try systemCall(
    "fchmod", Int(SYS_fchmod), descriptor.argument, Int(mode.rawValue),
    arguments: "\(descriptor.description), \(mode.octal)")
}

/// chmod by name. The last component is followed: never call it on a name inside an untrusted root.
package func setMode(
  of path: Path, to mode: FileMode, at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) {
  _ = try path.withAddress { (address) throws(Fault) in
    try systemCall(
      "fchmodat", Int(SYS_fchmodat), directory.argument, address, Int(mode.rawValue),
      arguments: "\(directory.description), \(path.quoted), \(mode.octal)")
  }
}

/// fchownat(2) without following a link; an empty path means `directory` itself, which may be an O_PATH handle.
package func setOwner(
  of path: Path, at directory: BorrowedDescriptor = .workingDirectory, user: UInt32, group: UInt32
) throws(Fault) {
  let flags = path.isEmpty ? AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW : AT_SYMLINK_NOFOLLOW
  _ = try path.withAddress { (address) throws(Fault) in
    try systemCall(
      "fchownat", Int(SYS_fchownat), directory.argument, address, Int(user), Int(group), Int(flags),
      arguments: "\(directory.description), \(path.quoted), \(user), \(group)")
  }
}

/// utimensat(2) without following a link; the access time is set to the same.
package func setModified(
  of path: Path, at directory: BorrowedDescriptor = .workingDirectory, to time: Timestamp
) throws(Fault) {
  var times = [Int(time.seconds), Int(time.nanoseconds), Int(time.seconds), Int(time.nanoseconds)]
  _ = try times.withMutableAddress { (base) throws(Fault) in
    try path.withAddress { (address) throws(Fault) in
      try systemCall(
        "utimensat", Int(SYS_utimensat), directory.argument, address, base, Int(AT_SYMLINK_NOFOLLOW),
        arguments: "\(directory.description), \(path.quoted)")
    }
  }
}

/// The value of an extended attribute, or nil when the file has none by that name or the file system none at all.
package func extendedAttribute(_ name: Path, of descriptor: BorrowedDescriptor) throws(Fault) -> [UInt8]? {
  // XATTR_SIZE_MAX (65,536) bounds every value.
  var value = [UInt8](repeating: 0, count: 65_536)
  do throws(Fault) {
    let valueCount = value.count
    let count = try value.withMutableAddress { (base) throws(Fault) in
      try name.withAddress { (name_) throws(Fault) in
        try systemCall(
          "fgetxattr", Int(SYS_fgetxattr), descriptor.argument, name_, base, valueCount,
          arguments: "\(descriptor.description), \(name.quoted)")
      }
    }
    return Array(value[..<count])
  } catch {
    if error.errno == .noData || error.errno == .notSupported { return nil }
    throw error
  }
}

/// The names of all extended attributes; empty where the file system has none.
package func extendedAttributeNames(of descriptor: BorrowedDescriptor) throws(Fault) -> [Path] {
  var list = [UInt8](repeating: 0, count: 65_536)
  do throws(Fault) {
    let listCount = list.count
    let count = try list.withMutableAddress { (base) throws(Fault) in
      try systemCall(
        "flistxattr", Int(SYS_flistxattr), descriptor.argument, base, listCount, arguments: descriptor.description)
    }
    return list[..<count].split(separator: 0).compactMap { Path(bytes: $0) }
  } catch {
    if error.errno == .notSupported { return [] }
    throw error
  }
}

package func setExtendedAttribute(
  _ name: Path, to value: [UInt8], of descriptor: BorrowedDescriptor
) throws(Fault) {
  _ = try value.withAddress { (base) throws(Fault) in
    try name.withAddress { (name_) throws(Fault) in
      try systemCall(
        "fsetxattr", Int(SYS_fsetxattr), descriptor.argument, name_, base, value.count, 0,
        arguments: "\(descriptor.description), \(name.quoted), \(value.count) bytes")
    }
  }
}

package func removeExtendedAttribute(_ name: Path, of descriptor: BorrowedDescriptor) throws(Fault) {
  _ = try name.withAddress { (name_) throws(Fault) in
    try systemCall(
      "fremovexattr", Int(SYS_fremovexattr), descriptor.argument, name_,
      arguments: "\(descriptor.description), \(name.quoted)")
  }
}
