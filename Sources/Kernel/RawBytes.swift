internal import CKernel

// For what goes over gigabytes: no array is made, and the search is glibc's, which looks at thirty-two bytes at a time.

extension UnsafeRawBufferPointer {
  /// The offset of the first `byte` from `start` on (memchr(3)); nil when there is none.
  @unsafe package func position(of byte: UInt8, from start: Int = 0) -> Int? {
    guard start < count, let base = baseAddress,
      let found = unsafe memchr(base + start, Int32(byte), count - start)
    else { return nil }
    return unsafe UnsafeRawPointer(found) - base
  }

  /// Whether these bytes stand at `offset` (memcmp(3)).
  @unsafe package func holds(_ text: StaticString, at offset: Int) -> Bool {
    let length = text.utf8CodeUnitCount
    guard offset >= 0, offset + length <= count, let base = baseAddress else { return false }
    return unsafe memcmp(base + offset, text.utf8Start, length) == 0
  }
}

/// Memory of a fixed size that is read into, again and again.
@safe package struct ReadingBuffer: ~Copyable {
  private let memory: UnsafeMutableRawBufferPointer
  /// How much of it holds something.
  package private(set) var count = 0

  package init(capacity: Int) { unsafe memory = .allocate(byteCount: capacity, alignment: 16) }

  deinit { unsafe memory.deallocate() }

  package var isFull: Bool { unsafe count == memory.count }

  /// Good until the buffer is changed.
  @unsafe package var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(rebasing: memory[..<count]) }

  /// The room behind what it holds.
  @unsafe package var room: UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(rebasing: memory[count...])
  }

  /// So many bytes of the room were filled.
  package mutating func add(_ added: Int) {
    unsafe precondition(added >= 0 && count + added <= memory.count, "more than there is room for")
    count += added
  }

  /// What is behind the first `used` bytes moves to the front.
  package mutating func drop(_ used: Int) {
    precondition(used >= 0 && used <= count, "more than it holds")
    if let base = unsafe memory.baseAddress, used > 0 { unsafe memmove(base, base + used, count - used) }
    count -= used
  }

  package mutating func clear() { count = 0 }

  /// One pread(2) into the room; 0 at the end of the file.
  package mutating func fill(from file: BorrowedDescriptor, at offset: Int) throws(Fault) -> Int {
    let room = unsafe self.room
    let got = try systemCall(
      "pread64", Int(SYS_pread64), file.argument, Int(bitPattern: room.baseAddress), room.count, offset,
      arguments: "\(file.rawValue), \(offset)")
    count += got
    return got
  }
}
