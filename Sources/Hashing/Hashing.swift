/// The hash functions that the formats name (FIPS 180-4), and the one way in which they cut what comes into blocks.
///
/// Pure: it may not know files, digests' names, or what is hashed.

/// A hash of blocks of 64 bytes, ended by one bit, zeros, and the length in bits.
package protocol BlockHash {
  /// What waits for the rest of its block.
  var pending: PendingBlock { get set }
  /// - Parameter blocks: a multiple of 64 bytes.
  mutating func compress(_ blocks: RawSpan)
}

/// What came and is not yet a block, and how much came in all.
package struct PendingBlock: Sendable {
  fileprivate var bytes: [UInt8] = []
  fileprivate var length: UInt64 = 0

  init() { bytes.reserveCapacity(64) }

  fileprivate mutating func append(_ more: RawSpan) {
    unsafe more.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
  }
}

extension BlockHash {
  package mutating func update(_ bytes: ArraySlice<UInt8>) { unsafe update(bytes.span.bytes) }

  package mutating func update(_ bytes: RawSpan) {
    pending.length &+= UInt64(bytes.byteCount)
    var start = 0
    if !pending.bytes.isEmpty {
      start = min(64 - pending.bytes.count, bytes.byteCount)
      pending.append(bytes.extracting(..<start))
      guard pending.bytes.count == 64 else { return }
      let block = pending.bytes
      unsafe compress(block.span.bytes)
      pending.bytes.removeAll(keepingCapacity: true)
    }
    let end = start + (bytes.byteCount - start) & ~63
    if end > start { compress(bytes.extracting(start..<end)) }
    pending.append(bytes.extracting(end...))
  }

  /// Hashes the rest with what has to end it.
  mutating func end() {
    let bits = pending.length &* 8
    var last = pending.bytes
    last.append(0x80)
    last.append(contentsOf: repeatElement(0, count: (120 - last.count % 64) % 64))
    append(bits, to: &last)
    unsafe compress(last.span.bytes)
  }
}

/// The most significant byte first.
func append(_ word: some FixedWidthInteger, to bytes: inout [UInt8]) {
  for shift in stride(from: word.bitWidth - 8, through: 0, by: -8) {
    bytes.append(UInt8(truncatingIfNeeded: word >> shift))
  }
}
