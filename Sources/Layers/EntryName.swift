internal import Archive
internal import Blobs
internal import Kernel

/// Where an entry of an archive belongs: a name in a directory, by its path from the top, without `.` and empty components.
struct EntryName {
  /// Empty for the top itself.
  let parent: Path
  /// Empty where the path is the top.
  let name: Path

  /// - Throws: for a path that climbs.
  init(of path: Path) throws(StoreError) {
    let slash = UInt8(ascii: "/")
    let dot = UInt8(ascii: ".")
    let bytes = path.bytes
    var kept: [UInt8] = []
    kept.reserveCapacity(bytes.count)
    var nameStart = 0
    var start = bytes.startIndex
    while start < bytes.endIndex {
      var end = start
      while end < bytes.endIndex, bytes[end] != slash { end += 1 }
      let component = bytes[start..<end]
      start = end + 1
      if component.isEmpty || component.elementsEqual([dot]) { continue }
      if component.elementsEqual([dot, dot]) { throw StoreError(ArchiveError("a path with \"..\"", entry: path)) }
      if !kept.isEmpty { kept.append(slash) }
      nameStart = kept.count
      kept.append(contentsOf: component)
    }
    guard let parent = Path(bytes: kept[..<max(0, nameStart - 1)]), let name = Path(bytes: kept[nameStart...]) else {
      throw StoreError(ArchiveError("a NUL character in a path", entry: path))
    }
    self.parent = parent
    self.name = name
  }

  /// The path without what was left out.
  var path: Path { parent.appending(name) }
}
