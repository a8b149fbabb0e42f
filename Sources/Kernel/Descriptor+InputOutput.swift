internal import CKernel

/// Reading and writing whole buffers. A short count is not an error here: the loops go on until done or end of file.
extension BorrowedDescriptor {
  /// Bytes read into the front of `buffer`; 0 at the end of the file.
  package func read(into buffer: inout [UInt8]) throws(Fault) -> Int {
    let bufferCount = buffer.count
    return try buffer.withMutableAddress { (base) throws(Fault) in
      try systemCall("read", Int(SYS_read), argument, base, bufferCount, arguments: "\(rawValue)")
    }
  }

  /// All bytes to the end. Refuses with EFBIG what is longer than `limit`: an input from outside has no say in our memory.
  package func readAll(limit: Int = 16 << 20) throws(Fault) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    var count = 0
    while true {
      if count == bytes.count {
        if count > limit { throw Fault("read", .fileTooLarge, arguments: "\(rawValue), more than \(limit) bytes") }
        bytes.append(contentsOf: repeatElement(0, count: bytes.count))
      }
      let bytesCount = bytes.count
      let got = try bytes.withMutableAddress { (base) throws(Fault) in
        try systemCall(
          "read", Int(SYS_read), argument, base + count, bytesCount - count, arguments: "\(rawValue)")
      }
      if got == 0 { break }
      count += got
    }
    if count > limit { throw Fault("read", .fileTooLarge, arguments: "\(rawValue), more than \(limit) bytes") }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// Up to `count` bytes at `offset`; fewer only at the end of the file.
  package func read(_ count: Int, at offset: Int) throws(Fault) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let got = try bytes.withMutableAddress { (base) throws(Fault) in
        try systemCall(
          "pread64", Int(SYS_pread64), argument, base + done, count - done, offset + done,
          arguments: "\(rawValue), \(count), \(offset)")
      }
      if got == 0 { break }
      done += got
    }
    bytes.removeLast(count - done)
    return bytes
  }

  /// Bytes read into the front of `buffer` from `offset`; 0 at the end of the file. Leaves the file's own position.
  package func read(into buffer: inout [UInt8], at offset: Int) throws(Fault) -> Int {
    let bufferCount = buffer.count
    return try buffer.withMutableAddress { (base) throws(Fault) in
      try systemCall(
        "pread64", Int(SYS_pread64), argument, base, bufferCount, offset,
        arguments: "\(rawValue), \(bufferCount), \(offset)")
    }
  }

  /// One read(2) of at most `count` bytes: all of a small file that has no more.
  package func readOnce(_ count: Int) throws(Fault) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try read(into: &bytes)
    bytes.removeLast(count - got)
    return bytes
  }

  /// Writes all of `bytes`.
  package func write(_ bytes: [UInt8]) throws(Fault) { try write(bytes[...]) }

  package func write(_ bytes: ArraySlice<UInt8>) throws(Fault) {
    var rest = bytes
    while !rest.isEmpty {
      let put = try rest.withAddress { (base) throws(Fault) in
        try systemCall(
          "write", Int(SYS_write), argument, base, rest.count, arguments: "\(rawValue), \(rest.count) bytes")
      }
      rest = rest.dropFirst(put)
    }
  }

  /// All of `bytes` from `offset` on. Leaves the file's own position.
  package func write(_ bytes: [UInt8], at offset: Int) throws(Fault) {
    var done = 0
    while done < bytes.count {
      done += try bytes.withAddress { (base) throws(Fault) in
        try systemCall(
          "pwrite64", Int(SYS_pwrite64), argument, base + done, bytes.count - done, offset + done,
          arguments: "\(rawValue), \(bytes.count - done) bytes, \(offset + done)")
      }
    }
  }

  package func write(_ bytes: RawSpan) throws(Fault) {
    var done = 0
    while done < bytes.byteCount {
      done += try unsafe bytes.withUnsafeBytes { (buffer) throws(Fault) in
        try systemCall(
          "write", Int(SYS_write), argument, Int(bitPattern: buffer.baseAddress) + done, buffer.count - done,
          arguments: "\(rawValue), \(buffer.count - done) bytes")
      }
    }
  }

  package func write(_ text: String) throws(Fault) { try write(Array(text.utf8)) }

  /// One write(2), which may be short: for pipes and sockets that do not block. Returns the count.
  package func writeSome(_ bytes: ArraySlice<UInt8>) throws(Fault) -> Int {
    return try bytes.withAddress { (base) throws(Fault) in
      try systemCall(
        "write", Int(SYS_write), argument, base, bytes.count, arguments: "\(rawValue), \(bytes.count) bytes")
    }
  }

  /// syncfs(2): all that was written to the file system that this file is of.
  package func synchronizeFileSystem() throws(Fault) {
    _ = try systemCall("syncfs", Int(SYS_syncfs), argument, arguments: "\(rawValue)")
  }

  /// fsync(2): the data and the size are on the disk when it returns.
  package func synchronize() throws(Fault) {
    _ = try systemCall("fsync", Int(SYS_fsync), argument, arguments: "\(rawValue)")
  }

  package func truncate(to size: Int) throws(Fault) {
    _ = try systemCall("ftruncate", Int(SYS_ftruncate), argument, size, arguments: "\(rawValue), \(size)")
  }

  package func seek(to offset: Int) throws(Fault) {
    _ = try systemCall("lseek", Int(SYS_lseek), argument, offset, 0, arguments: "\(rawValue), \(offset), SEEK_SET")
  }

  /// Where the next read(2) begins; ESPIPE where there is no such thing.
  package func position() throws(Fault) -> Int {
    try systemCall("lseek", Int(SYS_lseek), argument, 0, 1, arguments: "\(rawValue), 0, SEEK_CUR")
  }

  /// SEEK_DATA: where the next byte lies that is in no hole; nil behind the last. Moves the offset.
  package func nextData(from offset: Int) throws(Fault) -> Int? {
    do throws(Fault) {
      return try systemCall(
        "lseek", Int(SYS_lseek), argument, offset, 3, arguments: "\(rawValue), \(offset), SEEK_DATA")
    } catch {
      if error.errno == .noSuchAddress { return nil }
      throw error
    }
  }

  /// SEEK_HOLE: where the data ends; the end of a file counts as a hole. Moves the offset.
  package func nextHole(from offset: Int) throws(Fault) -> Int {
    try systemCall("lseek", Int(SYS_lseek), argument, offset, 4, arguments: "\(rawValue), \(offset), SEEK_HOLE")
  }
}
