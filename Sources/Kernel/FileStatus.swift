internal import CKernel

/// What an inode says of itself (statx(2)).
package struct FileStatus: Hashable, Sendable {
  package var kind: FileKind
  /// Permission, set-id and sticky bits.
  package var mode: FileMode
  package var owner: UInt32
  package var group: UInt32
  package var size: Int
  /// 512-byte blocks that are allocated.
  package var blocks: Int
  package var linkCount: Int
  package var inode: UInt64
  /// The file system the inode lives on.
  package var fileSystem: DeviceNumber
  /// What device a device file stands for.
  package var device: DeviceNumber
  package var modified: Timestamp
  /// The id of the mount the file was reached through (Linux 5.8).
  package var mountIdentifier: UInt64
}

/// Seconds and nanoseconds since the epoch, UTC.
package struct Timestamp: Hashable, Comparable, Sendable {
  package var seconds: Int64
  package var nanoseconds: UInt32
  package init(seconds: Int64, nanoseconds: UInt32) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }
  package static func < (a: Timestamp, b: Timestamp) -> Bool {
    (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
  }
}

/// statx(2). An empty path asks about `directory` itself, which may be any open file.
package func status(
  of path: Path, at directory: BorrowedDescriptor = .workingDirectory, followLinks: Bool = true
) throws(Fault) -> FileStatus {
  var buffer = statx()
  var flags = followLinks ? 0 : AT_SYMLINK_NOFOLLOW
  if path.isEmpty { flags |= AT_EMPTY_PATH }
  // 0x1000: STATX_MNT_ID; an older kernel leaves the field zero.
  let mask = Int(STATX_BASIC_STATS) | 0x1000
  _ = try withMutableAddress(of: &buffer) { (base) throws(Fault) in
    try path.withAddress { (address) throws(Fault) in
      try systemCall(
        "statx", Int(SYS_statx), directory.argument, address, Int(flags), mask, base,
        arguments: "\(directory.description), \(path.quoted)")
    }
  }
  guard let kind = FileKind(rawValue: UInt32(buffer.stx_mode) & 0o170000) else {
    throw Fault("statx", .invalid, arguments: path.quoted)
  }
  return FileStatus(
    kind: kind, mode: FileMode(rawValue: UInt32(buffer.stx_mode) & 0o7777), owner: buffer.stx_uid,
    group: buffer.stx_gid, size: Int(clamping: buffer.stx_size), blocks: Int(clamping: buffer.stx_blocks),
    linkCount: Int(buffer.stx_nlink), inode: buffer.stx_ino,
    fileSystem: DeviceNumber(major: buffer.stx_dev_major, minor: buffer.stx_dev_minor),
    device: DeviceNumber(major: buffer.stx_rdev_major, minor: buffer.stx_rdev_minor),
    modified: Timestamp(seconds: buffer.stx_mtime.tv_sec, nanoseconds: buffer.stx_mtime.tv_nsec),
    mountIdentifier: buffer.stx_mnt_id)
}

package func status(of descriptor: BorrowedDescriptor) throws(Fault) -> FileStatus {
  try status(of: "", at: descriptor)
}

/// Whether the name exists; every other fault (EACCES, EIO, ELOOP) counts as no.
package func exists(
  _ path: Path, at directory: BorrowedDescriptor = .workingDirectory, followLinks: Bool = true
) -> Bool {
  (try? status(of: path, at: directory, followLinks: followLinks)) != nil
}

/// Whether this process may execute the file, by its effective ids (faccessat2(2), Linux 5.8; by the real ones before).
package func mayExecute(_ path: Path, at directory: BorrowedDescriptor = .workingDirectory) -> Bool {
  guard let status = try? status(of: path, at: directory), status.kind == .regular else { return false }
  return hasAccess(path, at: directory, Int(X_OK))
}

/// The same for writing to a file, or for making something in a directory.
package func mayWrite(_ path: Path, at directory: BorrowedDescriptor = .workingDirectory) -> Bool {
  hasAccess(path, at: directory, Int(W_OK))
}

private func hasAccess(_ path: Path, at directory: BorrowedDescriptor, _ mode: Int) -> Bool {
  let result = try? path.withAddress { (address) throws(Fault) in
    do throws(Fault) {
      return try systemCall("faccessat2", 439, directory.argument, address, mode, 0x200)
    } catch {
      if error.errno != .noSystemCall { throw error }
      return try systemCall("faccessat", Int(SYS_faccessat), directory.argument, address, mode)
    }
  }
  return result != nil
}

/// The magic numbers of statfs(2) that a check asks for.
package struct FileSystemType: Hashable, Sendable {
  package let magic: Int
  package init(magic: Int) { self.magic = magic }
  package static let proc = FileSystemType(magic: 0x9fa0)
  package static let sysfs = FileSystemType(magic: 0x6265_6572)
  package static let cgroup2 = FileSystemType(magic: 0x6367_7270)
  package static let cgroup1 = FileSystemType(magic: 0x27e0eb)
  package static let tmpfs = FileSystemType(magic: 0x0102_1994)
  package static let overlay = FileSystemType(magic: 0x794c_7630)
  package static let xfs = FileSystemType(magic: 0x5846_5342)
  /// Of ext2 and ext3 too, which one driver mounts.
  package static let ext4 = FileSystemType(magic: 0xef53)
}

/// What a file system says of itself.
package struct FileSystemStatus: Sendable {
  package var type: FileSystemType
  package var blockSize: Int
  package var blocks: Int
  package var availableBlocks: Int
  /// Both 0 where inodes are made when they are needed.
  package var inodes: Int
  package var freeInodes: Int
  /// ST_RDONLY: the mount that the file was reached through refuses writes.
  package var isReadOnly: Bool
}

package func fileSystemStatus(of descriptor: BorrowedDescriptor) throws(Fault) -> FileSystemStatus {
  var buffer = statfs()
  _ = try withMutableAddress(of: &buffer) { (base) throws(Fault) in
    try systemCall("fstatfs", Int(SYS_fstatfs), descriptor.argument, base, arguments: descriptor.description)
  }
  return FileSystemStatus(
    type: FileSystemType(magic: Int(buffer.f_type)), blockSize: Int(buffer.f_bsize),
    blocks: Int(clamping: buffer.f_blocks), availableBlocks: Int(clamping: buffer.f_bavail),
    inodes: Int(clamping: buffer.f_files), freeInodes: Int(clamping: buffer.f_ffree),
    isReadOnly: buffer.f_flags & 1 != 0)
}
