import Foundation
import Kernel
import Testing

@testable import Monitoring

@Suite struct LocalLogFormatTests {
  private func with(_ body: (Path) throws -> Void) throws {
    let directory = Path("/tmp/skiff-log-\(UUID().uuidString)")
    try makeDirectory(directory, mode: 0o700)
    defer { try? removeTree(directory) }
    try body(directory.appending("log.local"))
  }

  private func texts(_ log: Path, _ query: LogQuery = LogQuery()) throws -> [[UInt8]] {
    var texts: [[UInt8]] = []
    var reader = LogReader(log, format: .local, query)
    try reader.read { line in
      var bytes: [UInt8] = []
      line.appendText(to: &bytes)
      texts.append(bytes)
    }
    return texts
  }

  /// The bytes that docker 26 writes for the same line.
  @Test func dockersForm() {
    var bytes: [UInt8] = []
    LocalLogFormat.encode(
      Array("hi\n".utf8)[...], .errors, Timestamp(seconds: 1, nanoseconds: 5), into: &bytes)
    let entry: [UInt8] =
      [0x0a, 6] + Array("stderr".utf8) + [0x10, 0x85, 0x94, 0xeb, 0xdc, 0x03] + [0x1a, 2] + Array("hi".utf8)
    #expect(bytes == [0, 0, 0, UInt8(entry.count)] + entry + [0, 0, 0, UInt8(entry.count)])
  }

  @Test func everyByteIsKeptThroughRotations() throws {
    try with { log in
      var writer = try LogWriter(
        .files(LogFileOptions(log, format: .local, maximumSize: 4096, maximumFiles: 50)))
      var expected: [[UInt8]] = []
      for number in 0..<300 {
        let line = [UInt8(truncatingIfNeeded: number), 0xff, 0] + Array(" line \(number)\n".utf8)
        expected.append(line.first == 10 ? [10] : line)
        if line.first == 10 { expected.append(Array(line.dropFirst())) }
        writer.append(line[...], stream: .output)
      }
      writer.append([1, 2][...], stream: .output)
      writer.finish()
      expected.append([1, 2])
      #expect(try texts(log) == expected)
      #expect(try exists(log.parent.appending("log.local.1")))
      for count in [0, 1, 50, 299] { #expect(try texts(log, LogQuery(tail: count)) == Array(expected.suffix(count))) }
    }
  }

  @Test func halfAnEntryOfACrashIsTakenAway() throws {
    try with { log in
      let options = LogFileOptions(log, format: .local)
      do {
        var writer = try LogWriter(.files(options))
        writer.append(Array("one\ntwo\n".utf8)[...], stream: .output)
      }
      let whole = try readFile(log)
      for cut in [1, 5, 20] {
        try replaceFile(log, with: Array(whole.dropLast(cut)))
        var writer = try LogWriter(.files(options))
        writer.append(Array("after\n".utf8)[...], stream: .errors)
        #expect(try texts(log).map { String(decoding: $0, as: UTF8.self) } == ["one\n", "after\n"])
      }
    }
  }

  @Test func whatIsNoLogIsNoLine() throws {
    try with { log in
      try replaceFile(log, with: Array(repeating: 0xff, count: 100_000))
      #expect(try texts(log) == [])
      try replaceFile(log, with: [0, 0, 0, 2, 0x0a, 200, 0, 0, 0, 2])
      #expect(try texts(log) == [])
    }
  }
}

@Suite struct LogCompressionTests {
  @Test func whatIsFullIsCompressedAndReadAsBefore() throws {
    let directory = Path("/tmp/skiff-log-\(UUID().uuidString)")
    try makeDirectory(directory, mode: 0o700)
    defer { try? removeTree(directory) }
    let log = directory.appending("log.json")
    var writer = try LogWriter(
      .files(LogFileOptions(log, maximumSize: 4096, maximumFiles: 30, compressor: [])))
    for number in 0..<200 { writer.append(Array("line \(number)\n".utf8)[...], stream: .output) }
    func texts() throws -> [String] {
      var texts: [String] = []
      var reader = LogReader(log)
      try reader.read { texts.append($0.entry.text) }
      return texts
    }
    let before = try texts()
    #expect(before.count == 200)
    try LogCompression.run(log)
    #expect(try texts() == before)
    let names = try entries(of: directory).map(\.name.string).sorted()
    #expect(names.contains("log.json.1.gz") && names.contains("log.json.3.gz") && !names.contains("log.json.1"))
    // Once more changes nothing, and what a killed one left half done is no file of the log.
    try replaceFile(directory.appending("log.json.gz.new"), with: [1, 2, 3])
    try LogCompression.run(log)
    #expect(try texts() == before)
    // The inodes of the files that went are given to new ones, which are not the same files.
    for number in 200..<400 {
      writer.append(Array("line \(number)\n".utf8)[...], stream: .output)
      if number % 20 == 0 { try LogCompression.run(log) }
    }
    #expect(try texts() == (0..<400).map { "line \($0)\n" })
    try LogCompression.run(log)
    // Between the two names of a file that was just compressed, it is one file.
    try replaceFile(directory.appending("log.json.2"), with: Array("not looked at\n".utf8))
    #expect(try texts() == (0..<400).map { "line \($0)\n" })
  }
}
