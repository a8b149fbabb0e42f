internal import Blobs
internal import Kernel
internal import Layers

/// A run of bytes of a file, which is somebody else's and may change while we look.
struct FilePart: Hashable, Sendable {
  var file: BorrowedDescriptor
  var offset: Int
  var size: Int

  /// All of a small one.
  func read(limit: Int = .max) throws(StoreError) -> [UInt8] {
    guard size <= limit else {
      throw StoreError(.invalid, "a document of \(size) bytes; at most \(limit) are read")
    }
    let bytes = try head(size)
    guard bytes.count == size else { throw archiveIsCut }
    return bytes
  }

  /// The first bytes, fewer when there are no more.
  func head(_ count: Int) throws(StoreError) -> [UInt8] {
    try storing("cannot read the archive") { () throws(Fault) in try file.read(min(count, size), at: offset) }
  }

  /// Reads it to its end.
  func forEach(_ body: (ArraySlice<UInt8>) throws(StoreError) -> Void) throws(StoreError) {
    var buffer = [UInt8](repeating: 0, count: min(size, 1 << 18))
    var done = 0
    while done < size {
      let count = try storing("cannot read the archive") { () throws(Fault) in
        min(size - done, try file.read(into: &buffer, at: offset + done))
      }
      if count == 0 { throw archiveIsCut }
      try body(buffer[..<count])
      done += count
    }
  }
}

extension LayerBatch {
  /// Takes in layers out of one file, as many at once as there are processors. The first failure ends it.
  func take(_ layers: [(part: FilePart, expected: LayerExpectation)]) throws(StoreError) -> [TakenLayer] {
    try performConcurrently(layers.count, "skiff-layer") { (index) throws(StoreError) in
      try self.take(layers[index].part, layers[index].expected)
    }
  }

  func take(_ part: FilePart, _ expected: LayerExpectation) throws(StoreError) -> TakenLayer {
    var intake = try LayerIntake(into: self, expecting: expected)
    try part.forEach { (piece) throws(StoreError) in try intake.write(piece) }
    return try intake.finish()
  }
}
