internal import Archive
internal import Blobs
internal import Kernel

/// The blocks of a ring as one run of bytes.
@safe struct TarStream: ~Copyable {
  private let ring: BlockRing
  private let consumer: Int
  private let writeOut: WriteOut
  private var block: UnsafeRawBufferPointer?
  private var position = 0

  /// - Parameter writeOut: is told of blocks that were taken.
  init(_ ring: BlockRing, consumer: Int, _ writeOut: WriteOut) {
    self.ring = ring
    self.consumer = consumer
    self.writeOut = writeOut
  }

  /// Waits for more bytes; false when there are none.
  private mutating func hasMore() throws(StoreError) -> Bool {
    if let block = unsafe block {
      if position < block.count { return true }
      ring.release(consumer)
      writeOut.add(block.count)
    }
    position = 0
    unsafe block = nil
    unsafe block = try ring.next(consumer)
    return unsafe block != nil
  }

  mutating func isAtEnd() throws(StoreError) -> Bool { try !hasMore() }

  /// At least one byte and at most `count`, valid until the next call.
  private mutating func take(atMost count: Int) throws(StoreError) -> UnsafeRawBufferPointer {
    guard try hasMore(), let block = unsafe block else {
      throw StoreError(.invalid, "the layer is refused: the archive ends in the middle of an entry")
    }
    let end = min(block.count, position + count)
    defer { position = end }
    return unsafe UnsafeRawBufferPointer(rebasing: block[position..<end])
  }

  /// Exactly `count`.
  mutating func take(_ count: Int) throws(StoreError) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count { unsafe bytes.append(contentsOf: try take(atMost: count - bytes.count)) }
    return bytes
  }

  /// The next `count` bytes go to the file, from the place where it stands.
  ///
  /// - Parameter doing: what a failed write is told with.
  mutating func copy(
    _ count: Int, to file: BorrowedDescriptor, doing: @autoclosure () -> String
  ) throws(StoreError) {
    var rest = count
    while rest > 0 {
      let piece = unsafe try take(atMost: rest)
      do throws(Fault) { try file.write(unsafe piece.bytes) } catch { throw StoreError(doing(), error) }
      rest -= piece.count
    }
  }

  mutating func skip(_ count: Int) throws(StoreError) {
    var rest = count
    while rest > 0 { unsafe rest -= try take(atMost: rest).count }
  }

  /// What stands behind the end of an archive has no meaning, but it is part of what the digest is of.
  mutating func drain() throws(StoreError) {
    var passed = 0
    while try hasMore() {
      let end = unsafe block?.count ?? 0
      passed += end - position
      position = end
      if passed > Tar.longestTrailer {
        throw StoreError(
          .invalid, "the layer is refused: there are more than \(Tar.longestTrailer >> 20) MiB behind the archive's end"
        )
      }
    }
  }
}
