internal import Archive
internal import Blobs
internal import ImageSpec
internal import Kernel

/// The names in an archive, and what stands behind them: paths that stay inside, each once, and links between them.
struct ArchiveNames<File> {
  private enum Member {
    case file(File)
    /// From the top of the archive.
    case link(to: String)
  }

  private var members: [String: Member] = [:]
  /// Files in one archive: an image of 128 layers has 400 at most, and archives hold several images.
  private var maximumCount: Int { 100_000 }

  /// What an entry is: its name where it has contents, which the caller then adds.
  mutating func add(_ entry: TarEntry) throws(StoreError) -> String? {
    let name = try Self.name(of: entry.path, in: entry)
    let target: String
    switch entry.kind {
    case .directory: return nil
    case .regular:
      try check(name, entry)
      return name
    case .symbolicLink(let path):
      // From the directory of the link; `..` may lead up, but not out.
      var components = name.split(separator: "/").dropLast().map(String.init)
      for component in path.components.map(\.string) {
        if component != ".." {
          components.append(component)
        } else if components.popLast() == nil {
          throw refusal(ArchiveError("a link that leads out of the archive", entry: entry.path))
        }
      }
      if path.isAbsolute { throw refusal(ArchiveError("a link to an absolute path", entry: entry.path)) }
      target = components.joined(separator: "/")
    case .hardLink(let path): target = try Self.name(of: path, in: entry)
    case .fifo, .characterDevice, .blockDevice:
      throw refusal(ArchiveError("a device or fifo, which no image archive holds", entry: entry.path))
    }
    try check(name, entry)
    members[name] = .link(to: target)
    return nil
  }

  mutating func add(_ file: File, named name: String) { members[name] = .file(file) }

  private func check(_ name: String, _ entry: TarEntry) throws(StoreError) {
    // Another reader may take the other one, and see another image than was checked.
    guard members[name] == nil else { throw refusal(ArchiveError("the same name twice", entry: entry.path)) }
    guard members.count < maximumCount else {
      throw StoreError(.invalid, "the archive is refused: it holds more than \(maximumCount) files")
    }
  }

  private static func name(of path: Path, in entry: TarEntry) throws(StoreError) -> String {
    let components = path.components
    guard !path.isAbsolute, !components.contains("..") else {
      throw refusal(ArchiveError("a path that leads out of the archive", entry: entry.path))
    }
    return components.filter { $0 != "." }.map(\.string).joined(separator: "/")
  }

  /// What stands at a path, as a document of the archive gives it; links are followed as far as any archive has them.
  func find(_ path: String) throws(StoreError) -> File? {
    var name = Path(path).components.filter { $0 != "." }.map(\.string).joined(separator: "/")
    for _ in 0..<16 {
      switch members[name] {
      case .file(let file): return file
      case .link(let target): name = target
      case nil: return nil
      }
    }
    throw StoreError(.invalid, "the archive is refused: \(Path(path).quoted) is a link that leads in a circle")
  }

  /// A blob of a layout.
  func find(_ digest: Digest) throws(StoreError) -> File? { try find("blobs/sha256/\(digest.hex)") }
}

extension Digest {
  /// What a layout's file is said to be by its name.
  init?(blobNamed name: String) {
    let directory = "blobs/sha256/"
    guard name.hasPrefix(directory) else { return nil }
    self.init(hex: String(name.dropFirst(directory.count)))
  }
}
