internal import JSON
package import Kernel

/// Reads a journal from its beginning, and then what is added to it.
package struct JournalReader: ~Copyable {
  /// A file as far as it was read, whatever its name is by now.
  private struct Place {
    var file: UInt64
    /// Its first bytes, the time of its first event: a number alone is soon another file's.
    var head: [UInt8]
    var offset = 0
    /// What follows the last newline is not finished yet.
    var rest: [UInt8] = []
  }

  private let journal: Journal
  private let watcher: Watcher
  private var places: [Place] = []

  /// Watches from here on, before anything is read, so that nothing falls between.
  package init(_ journal: Journal) throws(Fault) {
    let watcher = try Watcher()
    do throws(Fault) { try makeDirectory(journal.directory, mode: 0o700) } catch {
      if error.errno != .exists { throw error }
    }
    try watcher.watch(journal.directory, [.modified, .movedTo])
    self.journal = journal
    self.watcher = watcher
  }

  /// Readable when there may be more to take.
  package var borrowed: BorrowedDescriptor { watcher.borrowed }

  /// What was added since the last call, by its time.
  package mutating func take() throws(Fault) -> [JournalEvent] {
    // First the reports, then the files: what comes in between is reported again.
    while !(try watcher.take().isEmpty) {}
    var events: [JournalEvent] = []
    // A file that got its other name between the two opens would be missed, so they are looked at until they stay.
    var files: [UInt64] = []
    repeat {
      files = []
      var kept: [Place] = []
      for path in [journal.previous, journal.current] {
        guard let place = try read(path, into: &events), !files.contains(place.file) else { continue }
        files.append(place.file)
        kept.append(place)
      }
      places = kept
    } while files != identities()
    return events.sorted { $0.time < $1.time }
  }

  private func identities() -> [UInt64] {
    [journal.previous, journal.current].compactMap { try? status(of: $0, followLinks: false).inode }
  }

  private mutating func read(_ path: Path, into events: inout [JournalEvent]) throws(Fault) -> Place? {
    let file: Descriptor
    do throws(Fault) { file = try open(path, [.readOnly, .noFollow]) } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
    let inode = try status(of: file.borrowed).inode
    let head = try file.borrowed.read(64, at: 0)
    var place = places.first { $0.file == inode && head.starts(with: $0.head) } ?? Place(file: inode, head: head)
    place.head = head
    while true {
      let bytes = try file.borrowed.read(1 << 18, at: place.offset)
      if bytes.isEmpty { break }
      place.offset += bytes.count
      place.rest += bytes
      guard let last = place.rest.lastIndex(of: 0x0a) else { continue }
      for line in place.rest[..<last].split(separator: 0x0a) {
        // One that a full disk has torn, or that a newer Skiff wrote, is nothing to stop at.
        if let event = try? JournalEvent(parsing: Array(line)) { events.append(event) }
      }
      place.rest.removeSubrange(...last)
    }
    // Remembered at once: the same file is looked at again under its other name.
    places.removeAll { $0.file == inode }
    places.append(place)
    return place
  }
}
