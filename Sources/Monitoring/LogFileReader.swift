internal import JSON
package import Kernel

/// What of a log is wanted.
package struct LogQuery: Hashable, Sendable {
  /// The last so many lines; nil is all. It counts before `since` leaves lines out, as docker does it.
  package var tail: Int?
  package var since: Timestamp?
  package var until: Timestamp?
  package init(tail: Int? = nil, since: Timestamp? = nil, until: Timestamp? = nil) {
    self.tail = tail
    self.since = since
    self.until = until
  }
}

/// Reads a container's log, oldest line first, while it may be written and rotated. Lines that cannot be read are left out.
package struct LogReader: ~Copyable {
  private let path: Path
  private let query: LogQuery
  /// The file that is read now, up to where, and what of it is no whole line yet.
  private var file: Descriptor?
  private var inode: UInt64?
  private var position = 0
  private var carry: [UInt8] = []
  /// A line after `until` was seen: nothing more is wanted.
  private var isDone = false

  package init(_ path: Path, _ query: LogQuery = LogQuery()) {
    self.path = path
    self.query = query
  }

  /// Everything that is there now. A log that does not exist is empty.
  package mutating func read(_ take: (LogEntry) throws(Fault) -> Void) throws(Fault) {
    var files = try generations(newerThan: nil)
    if let tail = query.tail { try skipToTail(tail, &files) }
    for generation in files.reversed() {
      // All of its lines are older than what is wanted.
      if let since = query.since, generation.modified < since, generation.rotation > 0 { continue }
      try move(to: generation)
      try drain(take)
    }
  }

  /// Everything that is there, then what comes, until `ended` is readable (a pidfd of the supervisor), the container is
  /// removed, or `until` has passed. Sleeps on inotify(7) between changes.
  package mutating func follow(
    until ended: BorrowedDescriptor?, _ take: (LogEntry) throws(Fault) -> Void
  ) throws(Fault) {
    // Watched before the first look, so that no change falls between.
    let watcher = try Watcher()
    let directory = path.parent.isEmpty ? Path(".") : path.parent
    try watcher.watch(directory, [.modified, .created, .movedTo, .removed, .selfRemoved])
    try read(take)
    while !isDone {
      var watched: [(BorrowedDescriptor, PollEvents)] = [(watcher.borrowed, .readable)]
      if let ended { watched.append((ended, .readable)) }
      let ready = try poll(watched, milliseconds: millisecondsLeft())
      let reports = try watcher.take()
      try catchUp(take)
      if ready.allSatisfy(\.isEmpty) && millisecondsLeft() == 0 { return }
      if ready.count > 1 && !ready[1].isEmpty { return }
      // A rotation renames; a log that is removed goes with its container. The directory itself is not reported as removed
      // while one of its files is open here.
      if reports.contains(where: { $0.events.contains(.selfRemoved) || $0.events.contains(.removed) && isLog($0.name) })
      {
        return
      }
    }
  }

  private func isLog(_ name: Path) -> Bool { name.string == path.name }

  private func millisecondsLeft() -> Int? {
    guard let until = query.until else { return nil }
    let present = now()
    return present < until ? Int(clamping: (until.seconds - present.seconds) * 1000 + 1000) : 0
  }

  // MARK: - Files

  private struct Generation {
    var rotation: Int
    var inode: UInt64
    var modified: Timestamp
    /// Where the lines that are wanted begin.
    var start = 0
  }

  /// The files of the log from the newest back to the one with the inode, that one left out.
  ///
  /// A writer may rename them meanwhile, which only ever moves a file to a higher number: a file is seen twice then, or in
  /// the moment between two renames not at all. So a file that should be there is looked for again.
  private func generations(newerThan known: UInt64?) throws(Fault) -> [Generation] {
    var found: [Generation] = []
    for _ in 0..<4 {
      found = []
      var isFound = false
      try scan(from: 0) { rotation, status in
        isFound = status.inode == known
        if !isFound, status.kind == .regular, !found.contains(where: { $0.inode == status.inode }) {
          found.append(Generation(rotation: rotation, inode: status.inode, modified: status.modified))
        }
        return !isFound
      }
      if isFound || known == nil { break }
    }
    return found
  }

  /// Looks at the numbers upwards until there is no file for three of them, or `look` says that it is enough.
  private func scan(
    from first: Int, _ look: (Int, FileStatus) throws(Fault) -> Bool
  ) throws(Fault) {
    var (rotation, missing) = (first, 0)
    while missing < 3 && rotation < 1024 {
      do throws(Fault) {
        let status = try status(of: LogFile.name(path, rotation: rotation), followLinks: false)
        missing = 0
        if try !look(rotation, status) { return }
      } catch {
        if error.errno != .noSuchFile && error.errno != .notDirectory { throw error }
        missing += 1
      }
      rotation += 1
    }
  }

  /// Nil when it was the oldest and is gone.
  private func open(_ generation: Generation) throws(Fault) -> Descriptor? {
    for _ in 0..<4 {
      var number: Int32?
      try scan(from: generation.rotation) { (rotation, _) throws(Fault) in
        let opened = try Kernel.open(LogFile.name(path, rotation: rotation), [.readOnly, .noFollow, .nonBlocking])
        if try status(of: opened.borrowed).inode != generation.inode { return true }
        number = opened.release()
        return false
      }
      if let number { return Descriptor(owning: number) }
    }
    return nil
  }

  private mutating func move(to generation: Generation) throws(Fault) {
    file = try open(generation)
    inode = generation.inode
    position = generation.start
    carry = []
  }

  /// Leaves out the files and the beginning of one that come before the last `count` lines.
  private func skipToTail(_ count: Int, _ files: inout [Generation]) throws(Fault) {
    var left = count
    for index in files.indices {
      guard let opened = try open(files[index]) else { continue }
      var end = try status(of: opened.borrowed).size
      // From the back, in blocks: the newline that ends line `left` from the end is the start of what is wanted.
      var isLast = true
      while end > 0 {
        let start = max(0, end - 65_536)
        let block = try opened.borrowed.read(end - start, at: start)
        for offset in block.indices.reversed() where block[offset] == 10 {
          // The newline at the very end only closes the last line.
          if isLast {
            isLast = false
            if left == 0 {
              files[index].start = start + offset + 1
              files.removeSubrange((index + 1)...)
              return
            }
            continue
          }
          left -= 1
          if left == 0 {
            files[index].start = start + offset + 1
            files.removeSubrange((index + 1)...)
            return
          }
        }
        end = start
      }
      // The first line of the file has no newline before it.
      if !isLast { left -= 1 }
      if left <= 0 {
        files.removeSubrange((index + 1)...)
        return
      }
    }
  }

  // MARK: - Lines

  private mutating func catchUp(_ take: (LogEntry) throws(Fault) -> Void) throws(Fault) {
    // What the old file got before it was renamed comes before anything of the new one.
    try drain(take)
    let newer = try generations(newerThan: inode)
    if newer.isEmpty {
      // One file that is begun anew (max-file=1) has become shorter than what was read of it.
      if let opened = file?.borrowed, try status(of: opened).size < position {
        (position, carry) = (0, [])
        try drain(take)
      }
      return
    }
    try drain(take)
    for generation in newer.reversed() {
      try move(to: generation)
      try drain(take)
    }
  }

  /// All whole lines from the position to the end of the file.
  private mutating func drain(_ take: (LogEntry) throws(Fault) -> Void) throws(Fault) {
    while !isDone {
      guard let block = try file?.borrowed.read(65_536, at: position), !block.isEmpty else { return }
      position += block.count
      carry.append(contentsOf: block)
      var start = carry.startIndex
      while let newline = carry[start...].firstIndex(of: 10) {
        let line = Array(carry[start..<newline])
        start = newline + 1
        guard let entry = decode(line) else { continue }
        if let until = query.until, until < entry.time {
          isDone = true
          return
        }
        if let since = query.since, entry.time < since { continue }
        try take(entry)
      }
      carry.removeFirst(start)
      // Nothing of ours is that long, so it is no line that will ever end.
      if carry.count > LogFile.longestLine * 2 { carry = [] }
    }
  }

  private func decode(_ line: [UInt8]) -> LogEntry? {
    var (text, stream, time): (String?, LogStream?, Timestamp?) = (nil, nil, nil)
    do throws(JSONError) {
      var reader = try JSONReader(line, limits: JSONLimits(length: LogFile.longestLine * 2, depth: 4, values: 64))
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "log": text = try reader.string()
        case "stream": stream = LogStream(rawValue: try reader.string())
        case "time": time = Timestamp(rfc3339: try reader.string())
        default: try reader.skip()
        }
      }
    } catch { return nil }
    guard let text, let stream, let time else { return nil }
    return LogEntry(text: text, stream: stream, time: time)
  }
}
