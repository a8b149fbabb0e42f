/// gzip and zstd, in and out, piece by piece, by zlib and libzstd.
///
/// Pure: bytes become other bytes in memory that the caller gives. It may know formats and what to believe of them; it may
/// not know what the bytes are.

/// Why bytes were refused, in words for a person.
package struct CompressionError: Error, Hashable, Sendable {
  package var reason: String
  package init(_ reason: String) { self.reason = reason }
}

extension CompressionError: CustomStringConvertible {
  package var description: String { reason }
}

package enum CompressionFormat: Hashable, Sendable, CaseIterable {
  case none, gzip, zstd

  /// What the first bytes of a file say. Media types are not asked: registries and archives hold layers whose type and
  /// bytes differ, and docker and containerd go by the bytes too.
  ///
  /// - Parameter head: `headSize` bytes, fewer when there are no more.
  package init(detecting head: ArraySlice<UInt8>) {
    let head = Array(head.prefix(Self.headSize))
    if head.starts(with: [0x1f, 0x8b, 0x08]) {
      self = .gzip
    } else if head == [0x28, 0xb5, 0x2f, 0xfd] || Self.isSkippable(head) {
      self = .zstd
    } else {
      self = .none
    }
  }

  package static let headSize = 4

  /// A frame without contents, with which parallel compressors begin: magic numbers 0x184D2A50 to 0x184D2A5F (RFC 8878, 3.1.2).
  private static func isSkippable(_ head: [UInt8]) -> Bool {
    head.count == 4 && head[0] & 0xf0 == 0x50 && head[1...] == [0x2a, 0x4d, 0x18]
  }
}

/// How far one call got.
package struct CodecProgress: Hashable, Sendable {
  /// Bytes of the input that are done with.
  package var consumed: Int
  /// Bytes that now stand at the front of the output.
  package var produced: Int
  /// A decoder: the member is complete. A compressor: so is the file.
  package var isAtEnd: Bool

  package init(consumed: Int, produced: Int, isAtEnd: Bool) {
    self.consumed = consumed
    self.produced = produced
    self.isAtEnd = isAtEnd
  }
}
