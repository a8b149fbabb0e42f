import Compression
import Foundation
import Kernel
import Synchronization
import Testing

@testable import Monitoring

/// A directory of its own for one test, gone with it.
private struct Place: ~Copyable {
  let directory: Path
  var log: Path { directory.appending("log.json") }

  init() throws {
    directory = Path("/tmp/skiff-log-\(UUID().uuidString)")
    try makeDirectory(directory, mode: 0o700)
  }
  deinit { try? removeTree(directory) }

  func lines(_ name: String = "log.json") throws -> [String] {
    try readText(directory.appending(name), limit: 64 << 20).split(separator: "\n").map(String.init)
  }
  func texts(_ query: LogQuery = LogQuery()) throws -> [String] {
    var texts: [String] = []
    var reader = LogReader(log, query)
    try reader.read { texts.append($0.entry.text) }
    return texts
  }
}

extension LogWriter {
  fileprivate mutating func append(_ text: String, _ stream: LogStream = .output) {
    append(Array(text.utf8)[...], stream: stream)
  }
}

@Suite struct LogWriterTests {
  @Test func dockersForm() throws {
    let place = try Place()
    var writer = try LogWriter(place.log)
    writer.append("a \"quoted\" \\ \t\u{1b}[0m\u{7f} grün 🛶\n")
    writer.append("oops\n", .errors)
    let lines = try place.lines()
    #expect(lines.count == 2)
    #expect(
      lines[0].hasPrefix(
        #"{"log":"a \"quoted\" \\ \t\u001b[0m\u007f grün 🛶\n","stream":"stdout","time":"20"#))
    #expect(lines[1].contains(#""stream":"stderr""#))
    struct Line: Decodable {
      var log, stream, time: String
    }
    let decoded = try JSONDecoder().decode(Line.self, from: Data(lines[0].utf8))
    #expect(decoded.log == "a \"quoted\" \\ \t\u{1b}[0m\u{7f} grün 🛶\n")
    #expect(Timestamp(rfc3339: decoded.time) != nil)
    #expect(try status(of: place.log).mode == 0o600)
  }

  @Test func aLineIsKeptWhenItIsWhole() throws {
    let place = try Place()
    var writer = try LogWriter(place.log)
    writer.append("hel")
    writer.append("other\n", .errors)
    #expect(try place.texts() == ["other\n"])
    writer.append("lo\nnext\nla")
    #expect(try place.texts() == ["other\n", "hello\n", "next\n"])
    writer.finish()
    #expect(try place.texts() == ["other\n", "hello\n", "next\n", "la"])
  }

  @Test func longLinesAreKeptInPartsOfWholeCharacters() throws {
    let place = try Place()
    var writer = try LogWriter(place.log)
    let long = String(repeating: "ü", count: 20_000) + "\n"
    for piece in stride(from: 0, to: 40_001, by: 7919) {
      writer.append(Array(long.utf8)[piece..<min(piece + 7919, 40_001)], stream: .output)
    }
    let texts = try place.texts()
    #expect(texts.joined() == long)
    #expect(texts.count == 3 && texts.allSatisfy { $0.utf8.count <= 16_384 })
    // No byte of a part is a broken character's.
    #expect(!texts.joined().contains("\u{fffd}"))
  }

  @Test func whatIsNoTextBecomesAMark() throws {
    let place = try Place()
    var writer = try LogWriter(place.log)
    writer.append([0xff, 0x41, 0xc3, 0x0a, 0xed, 0xa0, 0x80, 0xf5, 0x00, 0x0a][...], stream: .output)
    #expect(try place.texts() == ["\u{fffd}A\u{fffd}\n", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{0}\n"])
  }

  @Test func rotationKeepsTheNewestAndTearsNoLine() throws {
    let place = try Place()
    var writer = try LogWriter(place.log, maximumSize: 4096, maximumFiles: 3)
    for number in 0..<500 { writer.append("line \(number)\n") }
    #expect(Set(try entries(of: place.directory).map(\.name)) == ["log.json", "log.json.1", "log.json.2"])
    for name in ["log.json", "log.json.1", "log.json.2"] {
      #expect(try status(of: place.directory.appending(name)).size <= 4096)
      #expect(try place.lines(name).allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    }
    let texts = try place.texts()
    #expect(texts.last == "line 499\n")
    let first = try #require(texts.first.flatMap { Int($0.dropFirst(5).dropLast()) })
    #expect(texts == (first...499).map { "line \($0)\n" })
    #expect(texts.count > 80)
  }

  @Test func oneFileBeginsAnew() throws {
    let place = try Place()
    var writer = try LogWriter(place.log, maximumSize: 4096, maximumFiles: 1)
    for number in 0..<100 { writer.append("line \(number)\n") }
    #expect(try entries(of: place.directory).count == 1)
    #expect(try place.texts().last == "line 99\n")
    #expect(try status(of: place.log).size <= 4096)
  }

  @Test func halfALineOfACrashIsTakenAway() throws {
    let place = try Place()
    do {
      var writer = try LogWriter(place.log)
      writer.append("whole\n")
    }
    let file = try open(place.log, [.writeOnly, .append])
    try file.borrowed.write(#"{"log":"ha"#)
    #expect(try place.texts() == ["whole\n"])
    var writer = try LogWriter(place.log)
    writer.append("after\n")
    #expect(try place.texts() == ["whole\n", "after\n"])
    #expect(try place.lines().count == 2)
  }

  @Test func aLinkInPlaceOfTheLogIsRefused() throws {
    let place = try Place()
    try makeSymbolicLink(place.log, to: "/etc/hostname")
    let fault = #expect(throws: Fault.self) { _ = try LogWriter(place.log) }
    #expect(fault?.errno == .tooManyLinks)
  }

  @Test(.enabled(if: effectiveUser() == 0, "mounting a small tmpfs needs root"))
  func aFullDiskIsCountedAndToldLater() throws {
    // 64 KB, reached by descriptor only: nothing of it shows in the mount table.
    let context = try openFileSystem("tmpfs")
    try configure(context.borrowed, "size", "65536")
    try configure(context.borrowed, "source", "skiff-test")
    let mount = try createMount(of: context.borrowed, attributes: [])
    let log = Path("/proc/self/fd/\(mount.rawValue)/log.json")
    let ballast = Path("/proc/self/fd/\(mount.rawValue)/ballast")
    do {
      let file = try open(ballast, [.writeOnly, .create], mode: 0o600)
      try file.borrowed.write([UInt8](repeating: 0, count: 40_000))
    }
    var writer = try LogWriter(log)
    let text = String(repeating: "x", count: 999) + "\n"
    for _ in 0..<100 { writer.append(text) }
    let loss = writer.lost
    let lost = try #require(loss)
    #expect(lost.lines > 50 && lost.lines < 100 && lost.bytes == lost.lines * 1000 && lost.reason == .noSpace)
    // Nothing that is there is torn.
    #expect(try readFile(log).last == 10)
    try removeFile(ballast)
    writer.append("again\n")
    let lossAfter = writer.lost
    #expect(lossAfter == nil)
    var texts: [String] = []
    var reader = LogReader(log)
    try reader.read { texts.append($0.entry.text) }
    #expect(texts.count == 100 - lost.lines + 2)
    #expect(
      texts.suffix(2) == [
        "skiff: \(lost.lines) lines (\(lost.bytes) bytes) of this log were lost: no space left on device\n", "again\n",
      ])
  }
}

/// One gzip member.
private func compressed(_ bytes: [UInt8]) throws(Fault) -> [UInt8] {
  do {
    let compressor = try Compressor(.gzip)
    var output = [UInt8](repeating: 0, count: bytes.count + 1024)
    var span = output.mutableSpan
    var raw = span.mutableBytes
    let progress = try compressor.step(bytes.span.bytes, isLast: true, into: &raw)
    output.removeLast(output.count - progress.produced)
    return output
  } catch { throw Fault("deflate", .invalid, arguments: "\(error)") }
}

@Suite struct LogReaderTests {
  @Test(arguments: [0, 1, 2, 59, 60, 61, 199, 200, 201, 5000])
  func theLastLinesAcrossFiles(count: Int) throws {
    let place = try Place()
    var writer = try LogWriter(place.log, maximumSize: 6000, maximumFiles: 100)
    for number in 0..<200 { writer.append("line \(number)\n") }
    #expect(try entries(of: place.directory).count > 2)
    let wanted = (max(0, 200 - count)..<200).map { "line \($0)\n" }
    #expect(try place.texts(LogQuery(tail: count)) == wanted)
  }

  @Test func theLastLinesOfALargeFile() throws {
    let place = try Place()
    var writer = try LogWriter(place.log)
    let text = String(repeating: "y", count: 90)
    for number in 0..<3000 { writer.append("\(number) \(text)\n") }
    #expect(try place.texts(LogQuery(tail: 2500)).first == "500 \(text)\n")
    #expect(try place.texts(LogQuery(tail: 2500)).count == 2500)
  }

  @Test func fromATimeToATime() throws {
    let place = try Place()
    var writer = try LogWriter(place.log)
    writer.append("before\n")
    let since = now()
    writer.append("between\n")
    let until = now()
    writer.append("after\n")
    #expect(try place.texts(LogQuery(since: since, until: until)) == ["between\n"])
    #expect(try place.texts(LogQuery(since: since)) == ["between\n", "after\n"])
    #expect(try place.texts(LogQuery(until: since)) == ["before\n"])
  }

  @Test func whatIsNoLogIsLeftOut() throws {
    let place = try Place()
    #expect(try place.texts() == [])
    let good = #"{"log":"x\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}"#
    let junk = [
      "", "junk", "{}", #"{"log":1}"#, #"{"log":"x","stream":"sideways","time":"2026-01-01T00:00:00Z"}"#,
      #"{"log":"x","stream":"stdout","time":"yesterday"}"#, String(repeating: "[", count: 100_000),
      #"{"attrs":{"a":[1,2]},"#, "\u{0}\u{1}", good, String(repeating: "z", count: 500_000), good,
    ]
    try replaceFile(place.log, with: Array((junk.joined(separator: "\n") + "\n").utf8))
    #expect(try place.texts() == ["x\n", "x\n"])
  }

  @Test func followingThroughRotations() async throws {
    let place = try Place()
    let log = place.log
    var writer = try LogWriter(log, maximumSize: 4096, maximumFiles: 50)
    writer.append("first\n")
    let ended = try Event()
    let number = ended.borrowed.rawValue
    let seen = Mutex<[String]>([])
    let follower = Thread {
      var reader = LogReader(log)
      try? reader.follow(until: BorrowedDescriptor(rawValue: number)) { line in
        let text = line.entry.text
        seen.withLock { $0.append(text) }
      }
      seen.withLock { $0.append("END") }
    }
    follower.start()
    for number in 0..<2000 { writer.append("line \(number)\n") }
    try ended.signal()
    while !seen.withLock({ $0.last == "END" }) { await Task.yield() }
    let expected = ["first\n"] + (0..<2000).map { "line \($0)\n" } + ["END"]
    // Fifty files of 4 KB hold 2,000 lines, so that none is gone before it was read.
    #expect(seen.withLock { $0 } == expected)
  }

  /// A reader that is slower than the writer finds several rotations between two of its looks: under load, or here, where
  /// each line that it gets makes the next two files.
  @Test func twoRotationsBetweenTwoLooks() throws {
    let place = try Place()
    var writer = try LogWriter(place.log, maximumSize: 4096, maximumFiles: 200)
    writer.append("line 0\n")
    var (count, texts) = (1, [String]())
    let ended = try Event()
    try ended.signal()
    var reader = LogReader(place.log)
    try reader.follow(until: ended.borrowed) { line in
      texts.append(line.entry.text)
      guard count < 4000 else { return }
      for _ in 0..<120 {
        writer.append("line \(count)\n")
        count += 1
      }
    }
    #expect(texts == (0..<count).map { "line \($0)\n" })
    #expect(count >= 4000)
  }

  @Test func theOrderOfTheFilesIsTheirsWhateverMoves() throws {
    let place = try Place()
    func write(_ rotation: Int) throws { try replaceFile(LogFile.name(place.log, rotation: rotation), with: []) }
    func inode(_ rotation: Int) throws -> UInt64 { try status(of: LogFile.name(place.log, rotation: rotation)).inode }
    for rotation in 0...3 { try write(rotation) }
    let inodes = try (0...3).map(inode)
    let files = LogFiles(path: place.log)
    #expect(try files.list().map(\.identity) == inodes)
    var rotation = 3
    // Between two renames of a rotation: nobody has the number below the file that was read.
    try rename(LogFile.name(place.log, rotation: 3), to: LogFile.name(place.log, rotation: 4))
    switch try files.successor(of: inodes[3], at: &rotation) {
    case .next(let next, _): #expect(next.identity == inodes[2] && rotation == 4)
    default: Issue.record("no successor")
    }
    for old in [2, 1, 0] {
      try rename(LogFile.name(place.log, rotation: old), to: LogFile.name(place.log, rotation: old + 1))
    }
    switch try files.successor(of: inodes[0], at: &rotation) {
    case .none: break
    default: Issue.record("the newest has no successor while there is no other")
    }
    rotation = 0
    switch try files.successor(of: inodes[1], at: &rotation) {
    case .next(let next, _): #expect(next.identity == inodes[0] && rotation == 2)
    default: Issue.record("no successor")
    }
    rotation = 0
    switch try files.successor(of: 1, at: &rotation) {
    case .lost: break
    default: Issue.record("a file that is gone has no successor")
    }
  }

  @Test func aCompressedFileIsTheSameFile() throws {
    let place = try Place()
    var writer = try LogWriter(place.log, maximumSize: 4096, maximumFiles: 10)
    for number in 0..<150 { writer.append("line \(number)\n") }
    let expected = (0..<150).map { "line \($0)\n" }
    #expect(try place.texts() == expected)
    // The oldest is compressed while a reader has it open: it goes on with the next one.
    let oldest = place.directory.appending("log.json.2")
    let inode = try status(of: oldest).inode
    var texts: [String] = []
    let ended = try Event()
    try ended.signal()
    var reader = LogReader(place.log)
    var isCompressed = false
    try reader.follow(until: ended.borrowed) { (line) throws(Fault) in
      texts.append(line.entry.text)
      if isCompressed { return }
      isCompressed = true
      let deflated = try compressed(try readFile(oldest))
      try replaceFile(LogFile.compressedName(oldest), with: LogFile.head(identity: inode) + deflated)
      try removeFile(oldest)
    }
    #expect(texts == expected)
    #expect(try place.texts() == expected)
    for count in [10, 99, 100, 120, 149] {
      #expect(try place.texts(LogQuery(tail: count)) == Array(expected.suffix(count)))
    }
    // A damaged one gives what comes before the damage.
    let bytes = try readFile(LogFile.compressedName(oldest))
    try replaceFile(LogFile.compressedName(oldest), with: Array(bytes.prefix(bytes.count - 40)))
    let rest = try place.texts()
    #expect(rest.count < 150 && rest.suffix(90) == expected.suffix(90))
    // Changed instead of cut, all that was made of it before the fault is there.
    var changed = bytes
    for index in (bytes.count - 40)..<(bytes.count - 30) { changed[index] ^= 0xff }
    try replaceFile(LogFile.compressedName(oldest), with: changed)
    let before = try place.texts()
    #expect(before.starts(with: expected.prefix(10)) && before.suffix(90) == expected.suffix(90))
  }

  @Test func whatDockerWroteIsReadToo() throws {
    let place = try Place()
    let lines = [
      #"{"log":"trimmed\n","stream":"stdout","time":"2026-01-01T00:00:00.5Z"}"#,
      #"{"log":"a\u0026b \ud83d\udef6\n","stream":"stderr","attrs":{"tag":"x y","com.example":"1&2"},"time":"2026-01-01T00:00:01.000000001Z"}"#,
      #"{"log":"plain\n","stream":"stdout","attrs":{"a":"1"},"time":"2026-01-01T00:00:02.000000001Z"}"#,
      #"{"stream":"stdout","time":"2026-01-01T01:00:03+01:00","log":"turned"}"#,
    ]
    try replaceFile(place.log, with: Array((lines.joined(separator: "\n") + "\n").utf8))
    var seen: [String] = []
    var reader = LogReader(place.log)
    try reader.read { line in
      let details = line.details.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
      let entry = line.entry
      seen.append("\(entry.time.rfc3339) \(entry.stream.rawValue) \(details) \(entry.text)")
    }
    #expect(
      seen == [
        "2026-01-01T00:00:00.500000000Z stdout  trimmed\n",
        "2026-01-01T00:00:01.000000001Z stderr com.example=1&2,tag=x y a&b 🛶\n",
        "2026-01-01T00:00:02.000000001Z stdout a=1 plain\n", "2026-01-01T00:00:03.000000000Z stdout  turned",
      ])
  }

  @Test func followingEndsWithTheContainersDirectory() async throws {
    let place = try Place()
    let (log, directory) = (place.log, place.directory)
    var writer = try LogWriter(log)
    writer.append("only\n")
    let seen = Mutex<[String]>([])
    let follower = Thread {
      var reader = LogReader(log)
      try? reader.follow(until: nil) { line in
        let text = line.entry.text
        seen.withLock { $0.append(text) }
      }
      seen.withLock { $0.append("END") }
    }
    follower.start()
    while seen.withLock({ $0.isEmpty }) { await Task.yield() }
    try removeTree(directory)
    while !seen.withLock({ $0.last == "END" }) { await Task.yield() }
    #expect(seen.withLock { $0 } == ["only\n", "END"])
  }

  @Test func followingEndsWhenItsTimeIsOver() throws {
    let place = try Place()
    var writer = try LogWriter(place.log)
    writer.append("only\n")
    var texts: [String] = []
    var reader = LogReader(place.log, LogQuery(until: now().adding(nanoseconds: 50_000_000)))
    try reader.follow(until: nil) { texts.append($0.entry.text) }
    #expect(texts == ["only\n"])
  }
}
