package import Kernel

/// How a layer's tar says that something of the layers below is gone (the image specification's layer.md).
package enum Whiteout: Hashable, Sendable {
  /// `.wh.NAME`: NAME is removed.
  case removes(Path)
  /// `.wh..wh..opq`: the directory it stands in hides everything below it.
  case opaque

  /// What the last component of a path means; nil for an ordinary name.
  ///
  /// - Throws: for names that would remove the directory itself or its parent, and for the bookkeeping names of AUFS.
  package init?(name: Path) throws(ArchiveError) {
    let prefix = Array(".wh.".utf8)
    guard name.bytes.starts(with: prefix) else { return nil }
    if name.bytes.elementsEqual(".wh..wh..opq".utf8) {
      self = .opaque
      return
    }
    let removed = name.bytes.dropFirst(prefix.count)
    guard let path = Path(bytes: removed), !path.isEmpty, path != ".", path != "..", !removed.starts(with: prefix),
      !removed.contains(UInt8(ascii: "/"))
    else { throw ArchiveError("a whiteout of nothing that can be removed", entry: name) }
    self = .removes(path)
  }

  /// The name that says so.
  package var name: Path {
    switch self {
    case .opaque: ".wh..wh..opq"
    case .removes(let path): Path(bytes: Array(".wh.".utf8) + path.bytes)!
    }
  }
}
