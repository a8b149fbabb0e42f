internal import Archive
internal import Blobs
internal import Kernel

/// The bytes of an archive, from a file, a pipe or a socket: read forward only.
struct ArchiveInput {
  private let file: BorrowedDescriptor
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)
  private var position = 0
  private var end = 0
  private(set) var isAtEnd = false

  init(_ file: BorrowedDescriptor) throws(StoreError) {
    self.file = file
    try fill()
    if isAtEnd { throw StoreError(.invalid, "the archive is empty") }
  }

  /// The bytes that come next, as many as are there, not taken.
  var head: ArraySlice<UInt8> { buffer[position..<end] }

  /// At least one byte and at most `count`.
  mutating func take(atMost count: Int) throws(StoreError) -> ArraySlice<UInt8> {
    if position == end { try fill() }
    if isAtEnd { throw StoreError(.invalid, "the archive ends in the middle of a file") }
    let piece = buffer[position..<position + min(end - position, count)]
    position += piece.count
    return piece
  }

  /// What comes next, nil at the end.
  mutating func takeAny() throws(StoreError) -> ArraySlice<UInt8>? {
    if position == end { try fill() }
    return isAtEnd ? nil : try take(atMost: .max)
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

  /// The next header, or nil where the archive stops without the two empty blocks that should end it: some writers leave
  /// them out.
  mutating func takeHeader() throws(StoreError) -> [UInt8]? {
    if position == end { try fill() }
    return isAtEnd ? nil : try take(Tar.blockSize)
  }

  /// Reads what is left, so that who writes into a pipe is not killed by it.
  mutating func drain() throws(StoreError) {
    while !isAtEnd { try fill() }
  }

  private mutating func fill() throws(StoreError) {
    var piece = buffer
    buffer = []
    defer { buffer = piece }
    let count = try storing("cannot read the archive") { () throws(Fault) in try file.read(into: &piece) }
    position = 0
    end = count
    isAtEnd = count == 0
  }
}

extension ArchiveInput {
  /// - Parameter reader: what reads it once it is decompressed.
  func refuseCompressed(by reader: String) throws(StoreError) {
    let magic: [(bytes: [UInt8], name: String)] = [
      ([0x1f, 0x8b], "gzip"), ([0x28, 0xb5, 0x2f, 0xfd], "zstd"), ([0xfd, 0x37, 0x7a, 0x58, 0x5a], "xz"),
      ([0x42, 0x5a, 0x68], "bzip2"),
    ]
    guard let found = magic.first(where: { head.starts(with: $0.bytes) }) else { return }
    throw StoreError(
      .invalid, "the archive is compressed by \(found.name)", hint: "\(found.name) -dc FILE | \(reader)")
  }
}
