internal import CKernel

/// The two ends of a pipe(2).
@frozen package struct Pipe: ~Copyable {
  package var reading: Descriptor
  package var writing: Descriptor
  package init(reading: consuming Descriptor, writing: consuming Descriptor) {
    self.reading = reading
    self.writing = writing
  }
}

package func makePipe() throws(Fault) -> Pipe {
  var ends: [Int32] = [-1, -1]
  _ = try ends.withMutableAddress { (base) throws(Fault) in
    try systemCall("pipe2", Int(SYS_pipe2), base, Int(O_CLOEXEC))
  }
  return Pipe(reading: Descriptor(owning: ends[0]), writing: Descriptor(owning: ends[1]))
}

/// memfd_create(2): a file in memory that may be sealed.
package func makeMemoryFile(_ name: Path) throws(Fault) -> Descriptor {
  let raw = try name.withAddress { (address) throws(Fault) in
    try systemCall("memfd_create", Int(SYS_memfd_create), address, 3, arguments: name.quoted)
  }
  return Descriptor(owning: Int32(raw))
}

/// Copies inside the kernel where the file systems can (reflink, server side), else through the page cache. Returns 0 at
/// the end of the source.
package func copyRange(
  from source: BorrowedDescriptor, to target: BorrowedDescriptor, count: Int
) throws(Fault) -> Int {
  try systemCall(
    "copy_file_range", Int(SYS_copy_file_range), source.argument, 0, target.argument, 0, count, 0,
    arguments: "\(source.description), \(target.description), \(count)")
}

/// FICLONE: `target` shares the blocks of `source` (Btrfs, XFS). EOPNOTSUPP or EXDEV elsewhere.
package func reflink(from source: BorrowedDescriptor, to target: BorrowedDescriptor) throws(Fault) {
  _ = try systemCall(
    "ioctl", Int(SYS_ioctl), target.argument, 0x4004_9409, source.argument,
    arguments: "\(target.description), FICLONE, \(source.description)")
}

/// splice(2), one end of which is a pipe: bytes go from one to the other without a copy in this process. 0 is the end of the
/// source, nil says that it would have to wait.
package func splice(
  from source: BorrowedDescriptor, to target: BorrowedDescriptor, atMost count: Int
) throws(Fault) -> Int? {
  do throws(Fault) {
    // SPLICE_F_MOVE | SPLICE_F_NONBLOCK: the latter is about the pipe, the socket has its own flag.
    return try systemCall(
      "splice", Int(SYS_splice), source.argument, 0, target.argument, 0, count, 3,
      arguments: "\(source.rawValue), \(target.rawValue), \(count) bytes")
  } catch {
    if error.errno == .again { return nil }
    throw error
  }
}
