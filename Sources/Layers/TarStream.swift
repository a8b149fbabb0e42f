internal import Archive
internal import Blobs
internal import ImageSpec
internal import Kernel

/// Reads a tar from a file piece by piece and hashes all that goes by.
struct TarStream {
  private let file: BorrowedDescriptor
  private var unread: Int
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)
  private var position = 0
  private var end = 0
  private var hash = SHA256()

  /// - Parameter size: what the file must have; more is not read, less is an error.
  init(_ file: BorrowedDescriptor, size: Int) {
    self.file = file
    unread = size
  }

  /// Of everything; only once `drain` has read to the end.
  var digest: Digest { hash.finish() }

  var isAtEnd: Bool { unread == 0 && position == end }

  /// At least one byte and at most `count`.
  mutating func take(atMost count: Int) throws(StoreError) -> ArraySlice<UInt8> {
    if position == end { try fill() }
    let piece = buffer[position..<min(end, position + count)]
    position += piece.count
    return piece
  }

  /// Exactly `count`.
  mutating func take(_ count: Int) throws(StoreError) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count { bytes += try take(atMost: count - bytes.count) }
    return bytes
  }

  mutating func skip(_ count: Int) throws(StoreError) {
    var rest = count
    while rest > 0 { rest -= try take(atMost: rest).count }
  }

  /// What stands behind the end of an archive has no meaning, but it is part of what the digest is of.
  mutating func drain() throws(StoreError) {
    while !isAtEnd { _ = try take(atMost: buffer.count) }
  }

  private mutating func fill() throws(StoreError) {
    guard unread > 0 else { throw StoreError(.invalid, "the archive ends in the middle of an entry") }
    var piece = buffer
    buffer = []
    defer { buffer = piece }
    let count: Int
    do throws(Fault) { count = try file.read(into: &piece) } catch { throw StoreError("cannot read a layer", error) }
    guard count > 0, count <= unread else { throw StoreError(.damaged, "a layer has not the size that it should have") }
    hash.update(piece[..<count])
    unread -= count
    position = 0
    end = count
  }
}
