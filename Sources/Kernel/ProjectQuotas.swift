internal import CKernel

// Project quotas: what all files with one project id may take together, on an xfs or an ext4 that counts it. By XFS's calls
// (linux/dqblk_xfs.h), which the kernel answers for ext4 too, on a descriptor: no path of a block device is needed.

private let projectQuota = 2
private enum QuotaCommand: Int {
  case setLimits = 0x5804
  case getStatus = 0x5805
  case getNext = 0x5809
}

private func quotactl(
  _ command: QuotaCommand, on file: BorrowedDescriptor, project: UInt32, _ buffer: inout [UInt8], _ name: StaticString
) throws(Fault) {
  _ = try buffer.withMutableAddress { (address) throws(Fault) in
    try systemCall(
      "quotactl_fd", Int(SYS_quotactl_fd), file.argument, command.rawValue << 8 | projectQuota, Int(project), address,
      arguments: "\(file.description), \(name), \(project)")
  }
}

/// Whether the file system holds whoever writes to it to the limits of projects. ENOSYS where the file system, or this
/// kernel's form of it, knows no quotas.
package func enforcesProjectQuotas(_ file: BorrowedDescriptor) throws(Fault) -> Bool {
  // struct fs_quota_stat: qs_flags is its second word; FS_QUOTA_PDQ_ENFD.
  var status = [UInt8](repeating: 0, count: 128)
  try quotactl(.getStatus, on: file, project: 0, &status, "Q_XGETQSTAT")
  return status[2] & 1 << 5 != 0
}

/// The first project from `first` on that takes any space or has a limit; nil where there is none.
package func nextProjectInUse(from first: UInt32, on file: BorrowedDescriptor) throws(Fault) -> UInt32? {
  var quota = [UInt8](repeating: 0, count: 112)
  do throws(Fault) { try quotactl(.getNext, on: file, project: first, &quota, "Q_XGETNEXTQUOTA") } catch {
    if error.errno == .noSuchFile { return nil }
    throw error
  }
  return quota[4..<8].reversed().reduce(0) { $0 << 8 | UInt32($1) }
}

/// - Parameter bytes: rounded up to the blocks of 512 bytes that quotas are counted in; 0 lifts the limit.
package func setProjectLimit(_ bytes: UInt64, of project: UInt32, on file: BorrowedDescriptor) throws(Fault) {
  // struct fs_disk_quota: version, flags (FS_PROJ_QUOTA), fieldmask (FS_DQ_BSOFT, FS_DQ_BHARD), id, hard limit, soft limit.
  var quota: [UInt8] = [1, 2, 1 << 2 | 1 << 3, 0]
  quota += withLittleEndianBytes(UInt64(project), count: 4)
  quota += withLittleEndianBytes(bytes / 512 + (bytes % 512 == 0 ? 0 : 1), count: 8)
  quota += [UInt8](repeating: 0, count: 112 - quota.count)
  try quotactl(.setLimits, on: file, project: project, &quota, "Q_XSETQLIM")
}

private func withLittleEndianBytes(_ value: UInt64, count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
}

// MARK: - Whose project a file is

/// struct fsxattr of ioctl_xfs_fsgetxattr(2): flags, extent size, extents, project, and 12 bytes more.
private func fileAttributes(of file: BorrowedDescriptor) throws(Fault) -> [UInt32] {
  var attributes = [UInt32](repeating: 0, count: 7)
  _ = try attributes.withMutableAddress { (address) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), file.argument, 0x801c_581f, address, arguments: "\(file.description), FS_IOC_FSGETXATTR")
  }
  return attributes
}

/// 0 is no project. ENOTTY where the file system has none.
package func project(of file: BorrowedDescriptor) throws(Fault) -> UInt32 { try fileAttributes(of: file)[3] }

/// The directory, and by FS_XFLAG_PROJINHERIT what is made below it from now on, belongs to the project.
package func setProject(of directory: BorrowedDescriptor, to project: UInt32) throws(Fault) {
  var attributes = try fileAttributes(of: directory)
  attributes[0] |= 0x200
  attributes[3] = project
  _ = try attributes.withMutableAddress { (address) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), directory.argument, FileAttributeCall.set, address,
      arguments: "\(directory.description), FS_IOC_FSSETXATTR, \(project)")
  }
}

/// The ioctl(2) numbers by which the owner of a file changes whose project it is, or that its children are of the same.
package enum FileAttributeCall {
  static let set = 0x401c_5820
  /// FS_IOC_FSSETXATTR, FS_IOC_SETFLAGS and its form for 32-bit programs.
  package static let all: [UInt32] = [UInt32(set), 0x4008_6602, 0x4004_6602]
}
