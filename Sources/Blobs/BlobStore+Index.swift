package import ImageSpec
internal import JSON
internal import Kernel

extension BlobStore {
  /// The list once more, for the names that no blob knows.
  private var copyOfIndex: Path { root.appending("index.copy.json") }

  /// Whether there is a list; a store that nothing was ever written to has none.
  package var hasIndex: Bool { exists(root.appending("index.json")) }

  /// What the list was when it was written last; nil when that is lost, too.
  package func lastIndex() -> Index? {
    guard let bytes = try? readFile(copyOfIndex, limit: Index.jsonLimits.length) else { return nil }
    return try? Index(parsing: bytes)
  }

  /// Puts a list in the place of one that cannot be read.
  package func replaceIndex(with index: Index) throws(StoreError) {
    try holding(try lock("index.lock", .exclusive)) { () throws(StoreError) in
      let bytes = index.jsonBytes()
      try storing("cannot write the list of images") { () throws(Fault) in
        try replaceFile(root.appending("index.json"), with: bytes)
        try replaceFile(copyOfIndex, with: bytes)
      }
    }
  }

  /// All images of the store; none when nothing was ever written.
  package func index() throws(StoreError) -> Index {
    let path = root.appending("index.json")
    let bytes: [UInt8]
    do throws(Fault) { bytes = try readFile(path) } catch {
      if error.errno == .noSuchFile { return Index() }
      throw StoreError("cannot read the list of images", error)
    }
    do throws(JSONError) { return try Index(parsing: bytes) } catch {
      throw StoreError(
        .damaged, "\(path) is damaged: \(error)",
        hint: "skiff image verify --repair makes it anew of what is in the blobs")
    }
  }

  /// Whether the list has the text in it, as this store writes it: for a start, which has no time to read all of the list.
  package func indexContains(_ text: String) -> Bool {
    guard let bytes = try? readFile(root.appending("index.json")) else { return false }
    let wanted = Array(text.utf8)
    guard let first = wanted.first, bytes.count >= wanted.count else { return false }
    for start in 0...(bytes.count - wanted.count)
    where bytes[start] == first && bytes[start..<start + wanted.count].elementsEqual(wanted) { return true }
    return false
  }

  /// Changes the list of images, one at a time. Nothing is written when `change` throws or changes nothing.
  package func updateIndex<Result>(
    _ change: (inout Index) throws(StoreError) -> Result
  ) throws(StoreError) -> Result {
    try holding(try lock("index.lock", .exclusive)) { () throws(StoreError) in
      let before = try index()
      var after = before
      let result = try change(&after)
      if after != before {
        let bytes = after.jsonBytes()
        try storing("cannot write the list of images") { () throws(Fault) in
          try replaceFile(root.appending("index.json"), with: bytes)
        }
        // Without a sync: it is read only where the list itself is lost.
        try? replaceFile(copyOfIndex, with: bytes, durable: false)
      }
      return result
    }
  }
}
