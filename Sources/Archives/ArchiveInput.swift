internal import Archive
internal import Blobs
internal import Compression
internal import Kernel

/// The bytes of an archive, from a file, a pipe or a socket: read forward only, and inflated when they are gzip or zstd.
struct ArchiveInput: ~Copyable {
  private let file: BorrowedDescriptor
  /// As they come from the file; not used when they are not compressed.
  private var compressed: [UInt8] = []
  private var compressedPosition = 0
  private var compressedEnd = 0
  private var isInflating = false
  /// Taken away once it is at its end.
  private var decompressor: Decompressor?
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)
  private var position = 0
  private var end = 0
  private(set) var isAtEnd = false

  /// - Parameter reader: the command that reads what somebody else has decompressed.
  init(_ file: BorrowedDescriptor, for reader: String) throws(StoreError) {
    self.file = file
    decompressor = nil
    try fill()
    if isAtEnd { throw StoreError(.invalid, "the archive is empty") }
    if let name = Self.foreignCompression(buffer[..<end]) {
      throw StoreError(.invalid, "the archive is compressed by \(name)", hint: "\(name) -dc FILE | \(reader)")
    }
    // A pipe may give fewer bytes at first than tell the format.
    while end < CompressionFormat.headSize, try readMore() {}
    let format = CompressionFormat(detecting: buffer[..<end])
    if format == .none { return }
    compressed = buffer
    compressedEnd = end
    end = 0
    do throws(CompressionError) {
      decompressor = try Decompressor(format)
      isInflating = true
    } catch { throw Self.refused(error) }
  }

  /// The program that compressed a file which is not inflated here.
  static func foreignCompression(_ head: ArraySlice<UInt8>) -> String? {
    if head.starts(with: [0xfd, 0x37, 0x7a, 0x58]) { return "xz" }
    return head.starts(with: [0x42, 0x5a, 0x68]) ? "bzip2" : nil
  }

  /// Adds to a buffer that nothing was taken from; false at the end of the file.
  private mutating func readMore() throws(StoreError) -> Bool {
    let more = try storing("cannot read the archive") { () throws(Fault) in
      var piece = [UInt8](repeating: 0, count: 4096)
      return Array(piece[..<(try file.read(into: &piece))])
    }
    buffer.replaceSubrange(end..<end + more.count, with: more)
    end += more.count
    return !more.isEmpty
  }

  private static func refused(_ error: CompressionError) -> StoreError {
    StoreError(.invalid, "the archive is refused: \(error)")
  }

  /// At least one byte and at most `count`.
  mutating func take(atMost count: Int) throws(StoreError) -> ArraySlice<UInt8> {
    if position == end { try fill() }
    if isAtEnd { throw archiveIsCut }
    let piece = buffer[position..<position + min(end - position, count)]
    position += piece.count
    return piece
  }

  /// What comes next, nil at the end.
  mutating func takeAny() throws(StoreError) -> ArraySlice<UInt8>? {
    if position == end { try fill() }
    return isAtEnd ? nil : try take(atMost: .max)
  }

  /// Reads what is left behind the end, so that who writes into a pipe is not killed by it.
  mutating func drain() throws(StoreError) {
    var passed = 0
    while !isAtEnd {
      try fill()
      passed += end
      if passed > Tar.longestTrailer { throw Self.refusedTrailer }
    }
  }

  private static let refusedTrailer = StoreError(
    .invalid, "the archive is refused: there are more than \(Tar.longestTrailer >> 20) MiB behind its end",
    hint: "is it a tar archive? What it is read from may have no end")

  private mutating func fill() throws(StoreError) {
    if isInflating { return try inflate() }
    var piece = buffer
    buffer = []
    defer { buffer = piece }
    end = try storing("cannot read the archive") { () throws(Fault) in try file.read(into: &piece) }
    position = 0
    isAtEnd = end == 0
  }

  private mutating func inflate() throws(StoreError) {
    position = 0
    end = 0
    if isAtEnd { return }
    var output = buffer
    buffer = []
    defer { buffer = output }
    while end == 0, var decoder = decompressor.take() {
      let isLast = try !hasCompressed()
      do throws(CompressionError) {
        var target = output.mutableSpan
        var bytes = unsafe target.mutableBytes
        let progress = try unsafe decoder.step(
          compressed.span.bytes.extracting(compressedPosition..<compressedEnd), into: &bytes)
        compressedPosition += progress.consumed
        end = progress.produced
        isAtEnd = isLast && end == 0
        if isAtEnd { try decoder.finish() } else { decompressor = consume decoder }
      } catch { throw Self.refused(error) }
    }
  }

  /// Whether there is something to inflate, read now or left from before.
  private mutating func hasCompressed() throws(StoreError) -> Bool {
    if compressedPosition < compressedEnd { return true }
    var piece = compressed
    compressed = []
    defer { compressed = piece }
    compressedPosition = 0
    compressedEnd = try storing("cannot read the archive") { () throws(Fault) in try file.read(into: &piece) }
    return compressedEnd > 0
  }
}

extension ArchiveInput: TarInput {
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

  mutating func takeHeader() throws(StoreError) -> [UInt8]? {
    if position == end { try fill() }
    return isAtEnd ? nil : try take(Tar.blockSize)
  }
}
