internal import Kernel

/// The files that a log consists of, for one who reads them while a writer renames them: `log.json`, then `log.json.1` (newer)
/// to `log.json.n` (older), each perhaps with `.gz` behind its name.
///
/// A rotation renames the oldest first, so that a file's number only ever grows, and in the moment between two renames one
/// number is nobody's. The order of the files is theirs for ever; only what is known of their numbers grows old.
struct LogFiles {
  let path: Path

  /// One file, by what stays the same when it is renamed and when it is compressed.
  struct Generation {
    var rotation: Int
    /// The inode, or of a compressed file the one that its contents had, marked: that number may be another file's by now.
    var identity: UInt64
    /// Of the file as it lies there.
    var inode: UInt64
    var isCompressed: Bool
    var modified: Timestamp
    /// Where the lines that are wanted begin: a byte, and how many lines to pass over from there.
    var start = 0
    var skippedLines = 0
  }

  /// All of them, the newest first.
  ///
  /// With two rotations between two looks a newer file would come to stand where an older one is looked for. So a list
  /// counts only when the first file of it did not move meanwhile; else it is made again.
  func list() throws(Fault) -> [Generation] {
    var found: [Generation] = []
    for _ in 0..<1000 {
      found = []
      try scan(from: 0) { (generation) throws(Fault) in
        if !found.contains(where: { $0.inode == generation.inode }) { found.append(generation) }
        return true
      }
      guard let first = found.first else { return [] }
      if try look(at: first.rotation)?.inode == first.inode { return found }
    }
    return found
  }

  enum Successor: ~Copyable {
    /// It is the newest.
    case none
    case next(Generation, Descriptor)
    /// It is gone, the oldest that was kept no longer.
    case lost
  }

  /// The file that was begun after `known`, opened. It may have been renamed by the time of the answer, which does not matter.
  ///
  /// - Parameter rotation: where `known` was seen last; where it is now, afterwards.
  func successor(of known: UInt64, at rotation: inout Int) throws(Fault) -> Successor {
    var losses = 0
    for _ in 0..<10_000 {
      guard let place = try locate(known, from: rotation) else {
        // One look may fall between two renames each time it looks.
        losses += 1
        if losses == 4 { return .lost }
        rotation = 0
        continue
      }
      rotation = place
      var candidate = place - 1
      while candidate >= 0 {
        if var next = try look(at: candidate), let file = try open(&next) {
          // It is the successor if nothing moved: `known` is where it was, and between the two there still is nothing.
          var isCertain = isSame(known, try look(at: place))
          for between in (candidate + 1)..<max(candidate + 1, place) where try look(at: between) != nil {
            isCertain = false
          }
          if isCertain { return .next(next, file) }
          break
        }
        candidate -= 1
      }
      // Renamed, and the new one is not there yet.
      if candidate < 0, isSame(known, try look(at: place)) { return .none }
    }
    return .lost
  }

  /// Nil when it is gone. It may have been compressed since it was seen, and says so then.
  func open(_ generation: inout Generation) throws(Fault) -> Descriptor? {
    var rotation = generation.rotation
    for _ in 0..<100 {
      guard let place = try locate(generation.identity, from: rotation), let now = try look(at: place) else {
        rotation = 0
        continue
      }
      do throws(Fault) {
        let file = try Kernel.open(name(place, isCompressed: now.isCompressed), [.readOnly, .noFollow, .nonBlocking])
        if try status(of: file.borrowed).inode == now.inode, isSame(generation.identity, now) {
          (generation.rotation, generation.isCompressed, generation.identity) = (place, now.isCompressed, now.identity)
          return file
        }
      } catch {
        if error.errno != .noSuchFile { throw error }
      }
    }
    return nil
  }

  // MARK: - One by one

  private func name(_ rotation: Int, isCompressed: Bool) -> Path {
    let name = LogFile.name(path, rotation: rotation)
    return isCompressed ? LogFile.compressedName(name) : name
  }

  private static let compressed: UInt64 = 1 << 63

  /// Whether what is seen is what was read, or what was read and has been compressed since.
  private func isSame(_ known: UInt64, _ seen: Generation?) -> Bool {
    seen.map { $0.identity == known || $0.identity == known | Self.compressed } ?? false
  }

  private func locate(_ identity: UInt64, from rotation: Int) throws(Fault) -> Int? {
    var place: Int?
    try scan(from: rotation) { generation in
      if !isSame(identity, generation) { return true }
      place = generation.rotation
      return false
    }
    return place
  }

  /// Looks at the numbers upwards until there is no file for three of them, or `take` says that it is enough.
  private func scan(from first: Int, _ take: (Generation) throws(Fault) -> Bool) throws(Fault) {
    var (rotation, missing) = (first, 0)
    while missing < 3 && rotation < 1024 {
      if let generation = try look(at: rotation) {
        missing = 0
        if try !take(generation) { return }
      } else {
        missing += 1
      }
      rotation += 1
    }
  }

  private func look(at rotation: Int) throws(Fault) -> Generation? {
    // A compressed file is whole when it has its name, and what it was made from may be there a moment longer.
    if rotation > 0, let generation = try look(at: rotation, isCompressed: true) { return generation }
    return try look(at: rotation, isCompressed: false)
  }

  private func look(at rotation: Int, isCompressed: Bool) throws(Fault) -> Generation? {
    let name = name(rotation, isCompressed: isCompressed)
    do throws(Fault) {
      let status = try status(of: name, followLinks: false)
      guard status.kind == .regular else { return nil }
      var identity = status.inode
      if isCompressed {
        let file = try Kernel.open(name, [.readOnly, .noFollow, .nonBlocking])
        let head = try file.borrowed.read(LogFile.headSize, at: 0)
        identity = (LogFile.identity(inHead: head) ?? status.inode) | Self.compressed
      }
      return Generation(
        rotation: rotation, identity: identity, inode: status.inode, isCompressed: isCompressed,
        modified: status.modified)
    } catch {
      if error.errno != .noSuchFile && error.errno != .notDirectory { throw error }
      return nil
    }
  }
}
