internal import Archive
internal import Kernel

/// What directories become once nothing more is made in them.
struct PendingDirectories {
  private var order: [Path] = []
  private var byPath: [Path: (entry: TarEntry, time: Int)] = [:]
  private var removed: [Path: Int] = [:]
  /// Counts what happens.
  private var time = 0

  /// A later entry of the same directory counts.
  mutating func add(_ entry: TarEntry, at path: Path) {
    time += 1
    if byPath.updateValue((entry, time), forKey: path) == nil { order.append(path) }
  }

  /// The directory is gone, and all below it.
  mutating func remove(_ path: Path) {
    time += 1
    removed[path] = time
  }

  /// Deepest first, as they came last: a directory that nobody may search is closed after those below it.
  var entries: [(path: Path, entry: TarEntry)] {
    order.reversed().compactMap { path in
      guard let (entry, time) = byPath[path], removed.isEmpty || !wasRemoved(path, after: time) else { return nil }
      return (path, entry)
    }
  }

  /// Asked at the end and by prefixes: an archive that replaces each of a million directories costs no more than they did.
  private func wasRemoved(_ path: Path, after time: Int) -> Bool {
    let bytes = path.bytes
    return bytes.indices.contains { index in
      guard index + 1 == bytes.endIndex || bytes[index + 1] == UInt8(ascii: "/") else { return false }
      return Path(bytes: bytes[...index]).flatMap { removed[$0] }.map { $0 > time } ?? false
    }
  }
}
