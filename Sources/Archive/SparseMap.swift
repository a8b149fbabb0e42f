/// A run of bytes of a sparse file that an archive holds; what lies between two of them is a hole.
package struct TarExtent: Hashable, Sendable {
  package var offset: Int
  package var size: Int
  package init(offset: Int, size: Int) {
    self.offset = offset
    self.size = size
  }
}

/// Where the contents of a sparse file lie, as GNU tar says it in four ways (the tar manual, "Storing Sparse Files").
struct SparseMap: Sendable {
  private(set) var extents: [TarExtent] = []
  private var offset: Int?

  /// Offsets and sizes in turn. Each extent begins where the last one ended, or later.
  mutating func add(_ number: Int, _ limits: TarLimits) throws(ArchiveError) {
    guard let start = offset else {
      let end = extents.last.map { $0.offset + $0.size } ?? 0
      guard number >= end else { throw ArchiveError("a sparse file whose parts overlap") }
      offset = number
      return
    }
    offset = nil
    guard number >= 0, start <= limits.totalSize, number <= limits.totalSize - start else {
      throw ArchiveError("a sparse file of more than \(limits.totalSize) bytes")
    }
    guard extents.count < limits.extents else {
      throw ArchiveError("a sparse file of more than \(limits.extents) parts")
    }
    extents.append(TarExtent(offset: start, size: number))
  }

  /// The entry as the file that it describes.
  ///
  /// - Parameter stored: bytes of contents that the archive holds.
  func apply(to entry: inout TarEntry, size: Int?, stored: Int) throws(ArchiveError) {
    let end = extents.last.map { $0.offset + $0.size } ?? 0
    guard offset == nil, let size, size >= end, extents.reduce(0, { $0 + $1.size }) == stored else {
      throw ArchiveError("a sparse file whose map does not fit its contents", entry: entry.path)
    }
    entry.size = size
    entry.sparse = extents
  }
}

/// Numbers in digits, each with a newline behind it, over as many blocks as they take: the map of format 1.0, which stands
/// before the contents.
struct SparseMapText: Sendable {
  private(set) var map = SparseMap()
  /// Numbers that are still to come; nil before the first, which counts the extents.
  private var missing: Int?
  private var number: Int?
  private(set) var length = 0

  var isComplete: Bool { missing == 0 }

  mutating func read(_ block: ArraySlice<UInt8>, _ limits: TarLimits) throws(ArchiveError) {
    length += block.count
    for byte in block {
      if byte >= 0x30, byte <= 0x39, number ?? 0 < 1 << 58 {
        number = (number ?? 0) * 10 + Int(byte - 0x30)
        continue
      }
      guard byte == 0x0a, let number else { throw ArchiveError("a sparse file whose map is not made of numbers") }
      self.number = nil
      if let missing {
        try map.add(number, limits)
        self.missing = missing - 1
      } else {
        guard number <= limits.extents else {
          throw ArchiveError("a sparse file of more than \(limits.extents) parts")
        }
        missing = 2 * number
      }
      // Padding follows.
      if isComplete { return }
    }
  }
}
