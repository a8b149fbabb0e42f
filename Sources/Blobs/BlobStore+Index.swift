package import ImageSpec
internal import JSON
internal import Kernel

extension BlobStore {
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
        .damaged, "\(path) is damaged: \(error)", hint: "move it away to start with an empty list; the blobs stay")
    }
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
      }
      return result
    }
  }
}
