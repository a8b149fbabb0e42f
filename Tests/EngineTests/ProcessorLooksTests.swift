import Kernel
import Testing

@testable import Cgroups
@testable import Containers
@testable import Engine

@Suite struct ProcessorLooksTests {
  private let identifier = ContainerIdentifier(String(repeating: "0123456789abcdef", count: 4))!
  private let process = ProcessIdentity(process: 4321, startTicks: 99)
  private let begin = monotonicNanoseconds() - 10_000_000_000

  /// What a look of so many milliseconds after the first sees.
  private func seen(_ milliseconds: UInt64, used: UInt64, by process: ProcessIdentity? = nil) -> ContainerStatistics {
    var statistics = ContainerStatistics(
      identifier: identifier, name: "web", time: begin + milliseconds * 1_000_000,
      cgroup: CgroupUsage(processorTime: used), traffic: nil)
    statistics.process = process ?? self.process
    return statistics
  }

  private func looks(in directory: Path) -> ProcessorLooks { ProcessorLooks(reading: directory.appending("looks")) }

  /// One command's look: what it measures from, in milliseconds since the first and processor time.
  @discardableResult
  private func look(_ present: ContainerStatistics, in directory: Path) -> [UInt64]? {
    var looks = looks(in: directory)
    let before = looks.before(present)
    looks.add(present)
    looks.write()
    return before.map { [($0.time - begin) / 1_000_000, $0.cgroup?.processorTime ?? 0] }
  }

  @Test func aShareIsSinceTheLastLook() throws {
    try withTemporaryDirectory { directory in
      #expect(look(seen(0, used: 50), in: directory) == nil)
      #expect(look(seen(1000, used: 70), in: directory) == [0, 50])
      #expect(look(seen(3000, used: 90), in: directory) == [1000, 70])
    }
  }

  /// Back to back the older look is measured from, and never one that is younger than a tenth of a second.
  @Test func callsBackToBackMeasureFromTheLookBefore() throws {
    try withTemporaryDirectory { directory in
      look(seen(0, used: 0), in: directory)
      for time in stride(from: UInt64(30), to: 100, by: 30) {
        #expect(look(seen(time, used: time), in: directory) == nil)
      }
      #expect(look(seen(120, used: 120), in: directory) == [0, 0])
      var last = [UInt64(0), 120]
      for time in stride(from: UInt64(150), to: 3000, by: 30) {
        let from = try #require(look(seen(time, used: time), in: directory))
        #expect((100..<240).contains(time - from[0]), "\(time) from \(from)")
        #expect(from[0] == from[1] && from[0] >= last[0])
        last = from
      }
    }
  }

  @Test func whatWasTooLongAgoOrIsToComeIsPassedOver() throws {
    try withTemporaryDirectory { directory in
      look(seen(0, used: 5), in: directory)
      #expect(looks(in: directory).before(seen(60_000, used: 6)) != nil)
      #expect(looks(in: directory).before(seen(60_001, used: 6)) == nil)
      // The clock of another boot.
      try removeFile(directory.appending("looks"))
      look(seen(9000, used: 9), in: directory)
      #expect(look(seen(100, used: 6), in: directory) == nil)
      #expect(look(seen(300, used: 8), in: directory) == [100, 6])
    }
  }

  @Test func oneThatWasStartedAgainIsAnother() throws {
    try withTemporaryDirectory { directory in
      look(seen(0, used: 500), in: directory)
      let other = ProcessIdentity(process: 4321, startTicks: 100)
      #expect(look(seen(1000, used: 900, by: other), in: directory) == nil)
      #expect(look(seen(2000, used: 950, by: other), in: directory) == [1000, 900])
      // The same process, as far as that can be told, with a counter that went back.
      #expect(look(seen(3000, used: 10, by: other), in: directory) == nil)
      #expect(look(seen(4000, used: 30, by: other), in: directory) == [3000, 10])
    }
  }

  /// A look at one container keeps what is known of the others, for as long as that is good for anything.
  @Test func othersAreKept() throws {
    try withTemporaryDirectory { directory in
      look(seen(0, used: 5), in: directory)
      var other = seen(5000, used: 8)
      other.identifier = try #require(ContainerIdentifier(String(repeating: "f", count: 64)))
      look(other, in: directory)
      #expect(looks(in: directory).before(seen(6000, used: 6))?.cgroup?.processorTime == 5)
      let old = try replaced(in: directory, minutesAgo: 2)
      look(other, in: directory)
      #expect(try readRegularFile(directory.appending("looks")).count < old)
    }
  }

  /// Writes one look of long ago; how long the file is then, with a second one.
  private func replaced(in directory: Path, minutesAgo minutes: UInt64) throws -> Int {
    try removeFile(directory.appending("looks"))
    look(seen(0, used: 5), in: directory)
    let one = try readRegularFile(directory.appending("looks")).count
    var bytes = try readRegularFile(directory.appending("looks"))
    // Form, identifier, process and its ticks, then the time of the newer sample.
    let place = 8 + 13 + 8 + 64 + 16
    let time = begin - minutes * 60_000_000_000
    for index in 0..<8 { bytes[place + index] = UInt8(truncatingIfNeeded: time >> UInt64(8 * index)) }
    try replaceFile(directory.appending("looks"), with: bytes, durable: false)
    return 2 * one - (8 + 13)
  }

  @Test func damageIsPassedOver() throws {
    try withTemporaryDirectory { directory in
      let file = directory.appending("looks")
      look(seen(0, used: 5), in: directory)
      look(seen(1000, used: 7), in: directory)
      let whole = try readRegularFile(file)
      for length in 0..<whole.count {
        try replaceFile(file, with: Array(whole.prefix(length)), durable: false)
        #expect(looks(in: directory).before(seen(2000, used: 9)) == nil, "\(length) bytes")
      }
      for index in whole.indices {
        for value in [0, 0x7f, 0xff] as [UInt8] {
          var bytes = whole
          bytes[index] = value
          try replaceFile(file, with: bytes, durable: false)
          var changed = looks(in: directory)
          // Something or nothing, but nothing that no share could be made of.
          if let before = changed.before(seen(2000, used: 9)) {
            #expect(before.time <= begin + 1_900_000_000 && (before.cgroup?.processorTime ?? 10) <= 9)
          }
          changed.add(seen(2000, used: 9))
        }
      }
    }
  }

  @Test func whoCannotWriteGoesWithout() throws {
    try withTemporaryDirectory { directory in
      let file = directory.appending("looks")
      try makeDirectory(file, mode: 0o700)
      #expect(look(seen(0, used: 5), in: directory) == nil)
      #expect(look(seen(1000, used: 5), in: directory) == nil)
      #expect(try entries(of: directory).map(\.name.string) == ["looks"])
    }
  }

  @Test func aYoungContainerIsMeasuredFromItsStart() {
    func since(_ age: UInt64) -> UInt64? {
      let ticks = (bootNanoseconds() - age) / 10_000_000
      var present = seen(0, used: 77, by: ProcessIdentity(process: 7, startTicks: ticks))
      present.time = monotonicNanoseconds()
      return present.sinceStart.map { before in
        #expect(before.cgroup?.processorTime == 0)
        return present.time - before.time
      }
    }
    #expect(since(20_000_000) == nil)
    #expect(since(120_000_000_000) == nil)
    let age = since(5_000_000_000) ?? 0
    #expect((5_000_000_000..<5_900_000_000).contains(age))
  }
}
