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
    return ByteSearch(text).first(in: bytes) != nil
  }

  /// What the list has of one name: its manifest first, then that manifest under other names. By a look at the bytes, as this store
  /// writes them: of a thousand entries two or three are read.
  ///
  /// - Parameters:
  ///   - annotation: the one that names an image.
  ///   - name: one that JSON writes as it is.
  /// - Returns: nil when the name is not there, or another tool wrote the list in its own way.
  package func images(with annotation: String, _ name: String) -> Index? {
    guard let bytes = try? readFile(root.appending("index.json")),
      let place = ByteSearch("\"\(annotation)\":\"\(name)\"").first(in: bytes),
      let named = Self.entry(around: place, in: bytes), named.annotations[annotation] == name
    else { return nil }
    var found = Index(manifests: [named])
    let digest = ByteSearch("\"digest\":\"\(named.digest)\"")
    var start = 0
    while let place = digest.first(in: bytes, from: start) {
      guard let entry = Self.entry(around: place, in: bytes) else { return nil }
      if entry.digest == named.digest && entry != named { found.manifests.append(entry) }
      start = place + 1
    }
    return found
  }

  /// The entry of the list around a place in its bytes.
  private static func entry(around place: Int, in bytes: [UInt8]) -> ContentDescriptor? {
    // No text in JSON can hold these bytes: its quotes would be escaped.
    let beginning = Array("{\"mediaType\":".utf8)
    var start = place
    while start >= 0, bytes[start] != beginning[0] || !bytes[start...].starts(with: beginning) { start -= 1 }
    guard start >= 0 else { return nil }
    var depth = 0
    var isText = false
    var end = start
    while end < bytes.count {
      switch bytes[end] {
      case UInt8(ascii: "\\") where isText: end += 1
      case UInt8(ascii: "\""): isText.toggle()
      case UInt8(ascii: "{") where !isText: depth += 1
      case UInt8(ascii: "}") where !isText:
        depth -= 1
        if depth == 0 { return place < end ? try? ContentDescriptor(parsing: Array(bytes[start...end])) : nil }
      default: break
      }
      end += 1
    }
    return nil
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
