internal import Archive
internal import Kernel

/// What directories become once nothing more is made in them.
struct PendingDirectories {
  struct Directory {
    let place: EntryName
    var entry: TarEntry
    /// Whether it has all but its time already.
    var isComplete: Bool
    fileprivate var time: Int
  }

  private var order: [Path] = []
  private var byPath: [Path: Directory] = [:]
  private var removed: [Path: Int] = [:]
  /// Counts what happens.
  private var time = 0

  /// A later entry of the same directory counts.
  mutating func add(_ entry: TarEntry, _ place: EntryName, isMade: Bool) {
    time += 1
    let path = place.path
    let directory = Directory(place: place, entry: entry, isComplete: isMade, time: time)
    if byPath.updateValue(directory, forKey: path) == nil { order.append(path) }
  }

  /// The directory is gone, and all below it.
  mutating func remove(_ path: Path) {
    time += 1
    removed[path] = time
  }

  /// Deepest first, as they came last: a directory that nobody may search is closed after those below it.
  var entries: [Directory] {
    order.reversed().compactMap { path in
      guard let directory = byPath[path] else { return nil }
      return removed.isEmpty || !wasRemoved(path, after: directory.time) ? directory : nil
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
