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

/// Reads a container's log, oldest line first, while it may be written and rotated. Lines that cannot be read are left out;
/// `whenDamaged` hears of those in compressed files.
package struct LogReader: ~Copyable {
  package typealias Take = (borrowing LogLine) throws(Fault) -> Void

  package var whenDamaged: (LogDamage) -> Void = { _ in }
  private let path: Path
  private let format: LogFormat
  private let query: LogQuery
  private let since: LogMoment?
  private let until: LogMoment?
  private let files: LogFiles
  private var decoder = LogDecoder()
  private var buffer = ReadingBuffer(capacity: 512 << 10)
  /// The file that is read now, which it is, where it was seen last, and how many of its lines are to be passed over.
  private var source: LogSource?
  private var identity: UInt64?
  private var rotation = 0
  private var skippedLines = 0
  /// A line after `until` was seen: nothing more is wanted.
  private var isDone = false

  package init(_ path: Path, format: LogFormat = .json(attributes: []), _ query: LogQuery = LogQuery()) {
    self.path = path
    self.format = format
    self.query = query
    since = query.since.map(LogMoment.init(_:))
    until = query.until.map(LogMoment.init(_:))
    files = LogFiles(path: path)
  }

  /// Everything that is there now. A log that does not exist is empty.
  package mutating func read(_ take: Take) throws(Fault) {
    var list = try files.list()
    if let tail = query.tail { try skipToTail(tail, &list) }
    for var generation in list.reversed() {
      // All of its lines are older than what is wanted.
      if let since = query.since, generation.modified < since, generation.rotation > 0 { continue }
      guard let file = try files.open(&generation) else { continue }
      try move(to: generation, file)
      try drain(take)
    }
  }

  /// Everything that is there, then what comes, until `ended` is readable (a pidfd of the supervisor), the container is
  /// removed, or `until` has passed. Sleeps on inotify(7) between changes.
  ///
  /// - Parameter pause: called when all that is there has been taken.
  package mutating func follow(
    until ended: BorrowedDescriptor?, pause: () throws(Fault) -> Void = {}, _ take: Take
  ) throws(Fault) {
    // Watched before the first look, so that no change falls between.
    let watcher = try Watcher()
    let directory = path.parent.isEmpty ? Path(".") : path.parent
    try watcher.watch(directory, [.modified, .created, .movedTo, .removed, .selfRemoved])
    try read(take)
    while !isDone {
      try pause()
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

  private mutating func move(to generation: LogFiles.Generation, _ file: consuming Descriptor) throws(Fault) {
    source = try LogSource(file, isCompressed: generation.isCompressed, from: generation.start)
    identity = generation.identity
    rotation = generation.rotation
    skippedLines = generation.skippedLines
    buffer.clear()
  }

  /// What came since: the rest of the file that is read, then those after it, one by one.
  private mutating func catchUp(_ take: Take) throws(Fault) {
    while !isDone {
      try drain(take)
      guard let identity else {
        // There was no log yet, or what was read of it is gone: the oldest there is comes next.
        guard var oldest = try files.list().last, let file = try files.open(&oldest) else { return }
        try move(to: oldest, file)
        continue
      }
      switch try files.successor(of: identity, at: &rotation) {
      case .none:
        if source?.isCutShort == true {
          source?.startAgain()
          buffer.clear()
          try drain(take)
        }
        return
      case .next(let generation, let file):
        // What the file got before it was renamed comes before anything of the next one.
        try drain(take)
        try move(to: generation, file)
      case .lost:
        try drain(take)
        self.identity = nil
        source = nil
      }
    }
  }

  /// Leaves out the files and the beginning of one that come before the last `count` lines.
  private mutating func skipToTail(_ count: Int, _ list: inout [LogFiles.Generation]) throws(Fault) {
    var left = count
    for index in list.indices {
      guard let file = try files.open(&list[index]) else { continue }
      if list[index].isCompressed || !format.hasLines {
        let lines = try countLines(of: list[index], file)
        if lines >= left {
          list[index].skippedLines = lines - left
          left = 0
        } else {
          left -= lines
        }
      } else if let start = try startOfTail(&left, file.borrowed) {
        list[index].start = start
        left = 0
      }
      if left == 0 {
        list.removeSubrange((index + 1)...)
        return
      }
    }
  }

  private mutating func countLines(
    of generation: LogFiles.Generation, _ file: consuming Descriptor
  ) throws(Fault) -> Int {
    var counted = 0
    var lines = try LogSource(file, isCompressed: generation.isCompressed)
    buffer.clear()
    while try lines.read(into: &buffer) > 0 {
      let used = try unsafe decoder.decode(buffer.bytes, format) { (_) throws(Fault) in
        counted += 1
        return true
      }
      buffer.drop(used == 0 && buffer.isFull ? buffer.count : used)
    }
    return counted
  }

  /// Where the last `left` lines of the file begin, from the back, in blocks; nil when it has fewer, which are taken off.
  private func startOfTail(_ left: inout Int, _ file: BorrowedDescriptor) throws(Fault) -> Int? {
    var end = try status(of: file).size
    // The newline at the very end only closes the last line.
    var isLast = true
    while end > 0 {
      let start = max(0, end - 65_536)
      let block = try file.read(end - start, at: start)
      for offset in block.indices.reversed() where block[offset] == 10 {
        if isLast {
          isLast = false
          if left == 0 { return start + offset + 1 }
          continue
        }
        left -= 1
        if left == 0 { return start + offset + 1 }
      }
      end = start
    }
    // The first line of the file has no newline before it.
    if !isLast { left = max(0, left - 1) }
    return left == 0 ? 0 : nil
  }

  // MARK: - Lines

  /// All whole lines from the position to the end of the file.
  private mutating func drain(_ take: Take) throws(Fault) {
    var (isDone, skipped) = (isDone, skippedLines)
    let (since, until) = (since, until)
    defer { (self.isDone, skippedLines) = (isDone, skipped) }
    while !isDone {
      guard let got = try source?.read(into: &buffer), got > 0 else {
        let name = LogFile.compressedName(LogFile.name(path, rotation: rotation))
        if let damage = source?.takeDamage(in: name) { whenDamaged(damage) }
        return
      }
      let used = try unsafe decoder.decode(buffer.bytes, format) { (line) throws(Fault) in
        if skipped > 0 {
          skipped -= 1
          return true
        }
        if let until, line.isAfter(until) {
          isDone = true
          return false
        }
        if let since, line.isBefore(since) { return true }
        try take(line)
        return true
      }
      // Nothing of ours is that long, so it is no line that will ever end.
      buffer.drop(used == 0 && buffer.isFull ? buffer.count : used)
    }
  }
}
