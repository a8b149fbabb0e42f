import Kernel
import Testing

@Suite struct PollingTests {
  @Test func aPollerReportsWithItsTokens() throws {
    var poller = try Poller()
    let pipe = try makePipe()
    let event = try Event()
    try poller.add(pipe.reading.borrowed, .readable, token: 0xdead_beef_0000_0001)
    try poller.add(event.borrowed, .readable, token: 2)
    #expect(try poller.wait(milliseconds: 0).isEmpty)
    try event.signal()
    #expect(try poller.wait().map(\.token) == [2])
    #expect(try event.take() == 1)
    #expect(try event.take() == 0)
    try pipe.writing.borrowed.write([1])
    let reports = try poller.wait()
    #expect(reports.map(\.token) == [0xdead_beef_0000_0001] && reports.map(\.events) == [.readable])
    try poller.remove(pipe.reading.borrowed)
    #expect(try poller.wait(milliseconds: 0).isEmpty)
  }

  @Test func aTimerComesOnceOrAgain() throws {
    let timer = try Timer()
    #expect(try timer.take() == 0)
    try timer.set(nanoseconds: 1_000_000)
    #expect(try poll(timer.borrowed, .readable) == .readable)
    #expect(try timer.take() == 1)
    try timer.set(nanoseconds: 1, interval: 100_000)
    #expect(try poll(timer.borrowed, .readable) == .readable)
    #expect(try timer.take() >= 1)
    try timer.set(nanoseconds: 0)
  }

  @Test func pollTellsAHangUp() throws {
    func readingEndAlone() throws -> Descriptor {
      let pipe = try makePipe()
      #expect(try poll(pipe.reading.borrowed, .readable, milliseconds: 0) == [])
      return try pipe.reading.borrowed.duplicate()
    }
    let reading = try readingEndAlone()
    #expect(try poll(reading.borrowed, .readable) == .hungUp)
  }

  @Test func aWatcherReportsByName() throws {
    let directory = Path("/tmp/skiff-watch-\(processIdentifier())")
    try makeDirectory(directory, mode: 0o700)
    defer { try? removeTree(directory) }
    let watcher = try Watcher()
    let watch = try watcher.watch(directory, [.created, .modified])
    #expect(try watcher.take().isEmpty)
    let file = try open(directory.appending("a"), [.writeOnly, .create], mode: 0o600)
    try file.borrowed.write("x")
    let reports = try watcher.take()
    #expect(reports.map(\.name) == ["a", "a"] && reports.allSatisfy { $0.watch == watch })
    #expect(reports.map(\.events) == [.created, .modified])
  }
}
