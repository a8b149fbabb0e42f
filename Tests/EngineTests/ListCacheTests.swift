import Kernel
import Testing

@testable import Containers
@testable import Engine

@Suite struct ListCacheTests {
  private let identifier = ContainerIdentifier(String(repeating: "0123456789abcdef", count: 4))!
  private let old = Timestamp(seconds: 1_700_000_000, nanoseconds: 5)

  private func container() -> ListedContainer {
    var record = ContainerRecord(identifier: identifier.description, name: "web", created: old)
    record.image = "alpine:3"
    record.imageIdentifier = "sha256:ab"
    record.command = ["/bin/sh", "-c", "echo 'ü'"]
    record.labels = ["a": "1", "": "", "b": "two\u{0}three"]
    record.ports = [PortRecord(transport: "udp", address: "::", hostPort: 65_535, containerPort: 53)]
    record.anonymousVolumes = ["v"]
    var state = ContainerState(status: .exited)
    state.exitCode = -1
    state.started = old
    state.finished = Timestamp(seconds: 1_700_000_001, nanoseconds: 999_999_999)
    return ListedContainer(identifier, record, state)
  }

  @Test func whatWasPackedComesBack() {
    var packed = Packing()
    container().pack(into: &packed)
    var rest = Unpacking(packed.bytes)
    #expect(ListedContainer(from: &rest) == container())
    // Cut anywhere it is nothing, and reads nothing that is not there.
    for count in 0..<packed.bytes.count {
      var cut = Unpacking(packed.bytes, 0..<count)
      #expect(ListedContainer(from: &cut) == nil)
    }
    // With any byte another, it is something or nothing.
    for index in packed.bytes.indices {
      for value in [0, 0x7f, 0xff] as [UInt8] {
        var bytes = packed.bytes
        bytes[index] = value
        var changed = Unpacking(bytes)
        _ = ListedContainer(from: &changed)
      }
    }
  }

  @Test func aTimeOfWholeSecondsSettlesAfterOne() {
    var second = now()
    second.nanoseconds = 0
    #expect(!ListCache.Stamp(inode: 1, modified: second).isSettled)
    second.seconds -= 2
    #expect(ListCache.Stamp(inode: 1, modified: second).isSettled)
  }

  @Test func aTimeThatIsCenturiesFromHereIsATime() {
    for (seconds, isSettled) in [(-20_000_000_000, true), (0, true), (20_000_000_000, false)] as [(Int64, Bool)] {
      let modified = Timestamp(seconds: seconds, nanoseconds: 999_999_999)
      #expect(ListCache.Stamp(inode: 1, modified: modified).isSettled == isSettled)
    }
    #expect(!ListCache.Stamp(inode: 1, modified: now()).isSettled)
  }

  private func fill(_ file: Path) {
    var cache = ListCache(reading: file)
    for inode in 1...UInt64(ListCache.smallest) {
      let stamp = ListCache.Stamp(inode: inode, modified: old)
      #expect(cache.find(stamp) == nil)
      cache.add(container(), stamp)
    }
    cache.write(to: file)
  }

  @Test func isFoundWhileItsDirectoryIsTheSame() throws {
    try withTemporaryDirectory { directory in
      let file = directory.appending("list")
      fill(file)
      var next = ListCache(reading: file)
      #expect(next.find(ListCache.Stamp(inode: 7, modified: old)) == container())
      #expect(next.find(ListCache.Stamp(inode: 7, modified: Timestamp(seconds: old.seconds, nanoseconds: 6))) == nil)
      #expect(next.find(ListCache.Stamp(inode: 700, modified: old)) == nil)
      // Nothing was read anew, so nothing is written.
      try removeFile(file)
      next.write(to: file)
      #expect(!exists(file))
    }
  }

  /// Its next change may have the same time.
  @Test func whatChangedJustNowIsNotKept() throws {
    try withTemporaryDirectory { directory in
      let file = directory.appending("list")
      var cache = ListCache(reading: file)
      for inode in 1...UInt64(ListCache.smallest) {
        let present = now()
        cache.add(container(), ListCache.Stamp(inode: inode, modified: present))
        cache.add(
          container(), ListCache.Stamp(inode: inode, modified: Timestamp(seconds: present.seconds + 60, nanoseconds: 0))
        )
      }
      cache.write(to: file)
      #expect(!exists(file))
    }
  }

  @Test func damageIsPassedOver() throws {
    try withTemporaryDirectory { directory in
      let file = directory.appending("list")
      fill(file)
      let whole = try readRegularFile(file)
      var found = 0
      for length in stride(from: 0, to: whole.count, by: 97) {
        try replaceFile(file, with: Array(whole.prefix(length)), durable: false)
        var cut = ListCache(reading: file)
        if cut.find(ListCache.Stamp(inode: 1, modified: old)) == container() { found += 1 }
      }
      #expect(found > 0)
      var other = whole
      other[8] ^= 1
      try replaceFile(file, with: other, durable: false)
      var foreign = ListCache(reading: file)
      #expect(foreign.find(ListCache.Stamp(inode: 1, modified: old)) == nil)
    }
  }
}
