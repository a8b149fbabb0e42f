import Foundation
import JSON
import Kernel
import Testing

@testable import Journal

@Suite struct JournalTests {
  private final class Folder {
    let path = FileManager.default.temporaryDirectory.path + "/skiff-journal-\(UUID().uuidString.prefix(8))"
    var directory: Path { Path(path) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private func event(_ number: Int, _ action: JournalEvent.Action = .start) -> JournalEvent {
    JournalEvent(
      .container, action, of: "id\(number)", ["name": "web\(number)"],
      at: Timestamp(seconds: Int64(number), nanoseconds: 7))
  }

  private func all(_ journal: Journal) throws -> [JournalEvent] {
    var reader = try JournalReader(journal)
    return try reader.take()
  }

  @Test func whatWasNotedIsRead() throws {
    let folder = Folder()
    let journal = Journal(in: folder.directory)
    #expect(try all(journal) == [])
    var exec = event(2, .execStart)
    exec.detail = "sh -c \"a\nb\""
    exec.attributes["label"] = "two\nlines, \u{1F6A2}"
    for event in [event(1, .create), exec, JournalEvent(.image, .pull, of: "alpine:latest")] { journal.note(event) }
    let found = try all(journal)
    #expect(found.prefix(2) == [event(1, .create), exec])
    #expect(found.count == 3)
    #expect(found[1].words == "exec_start: sh -c \"a\nb\"")
    #expect(try status(of: journal.current).mode == 0o600)
  }

  @Test func aReaderSeesWhatIsAdded() throws {
    let folder = Folder()
    let journal = Journal(in: folder.directory)
    var reader = try JournalReader(journal)
    #expect(try reader.take() == [])
    journal.note(event(1))
    #expect(try !poll(reader.borrowed, .readable, milliseconds: 2000).isEmpty)
    #expect(try reader.take() == [event(1)])
    #expect(try poll(reader.borrowed, .readable, milliseconds: 0).isEmpty)
    journal.note(event(2))
    #expect(try reader.take() == [event(2)])
  }

  @Test func aTornLineIsSkippedAndTheNextOneIsNot() throws {
    let folder = Folder()
    let journal = Journal(in: folder.directory)
    journal.note(event(1))
    let whole = event(2).line
    // Wherever a full disk stops the write.
    for length in [1, 2, 9, whole.count / 2, whole.count - 2] {
      let file = try open(journal.current, [.writeOnly, .append])
      try file.borrowed.write(whole[..<length])
    }
    var reader = try JournalReader(journal)
    #expect(try reader.take() == [event(1)])
    journal.note(event(3))
    #expect(try reader.take() == [event(3)])
  }

  @Test func garbageIsNoEvent() throws {
    let folder = Folder()
    let journal = Journal(in: folder.directory)
    journal.note(event(1))
    let file = try open(journal.current, [.writeOnly, .append])
    try file.borrowed.write("\u{0}\u{0}\n{\"kind\":\"moon\",\"action\":\"start\"}\n{}\n[1,2]\n\u{1b}[31m\n")
    journal.note(event(2))
    #expect(try all(journal) == [event(1), event(2)])
  }

  @Test func readersFollowARotation() throws {
    let folder = Folder()
    let journal = Journal(in: folder.directory, limit: 2000)
    var reader = try JournalReader(journal)
    var seen: [JournalEvent] = []
    for number in 0..<200 {
      journal.note(event(number))
      if number % 7 == 0 { seen += try reader.take() }
    }
    seen += try reader.take()
    #expect(seen == (0..<200).map { event($0) })
    // Two files are kept, each about as long as it may be.
    let kept = try all(journal)
    #expect(kept.last == event(199) && kept.count > 10 && kept.count < 80)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
  }

  @Test func aWriterFromBeforeTheRotationIsHeard() throws {
    let folder = Folder()
    let journal = Journal(in: folder.directory, limit: 500)
    var reader = try JournalReader(journal)
    journal.note(event(1))
    let late = try open(journal.current, [.writeOnly, .append])
    for number in 2..<6 { journal.note(event(number)) }
    while !exists(journal.previous) { journal.note(event(6)) }
    _ = try reader.take()
    try late.borrowed.write(event(9).line)
    #expect(try !poll(reader.borrowed, .readable, milliseconds: 2000).isEmpty)
    #expect(try reader.take() == [event(9)])
  }

  @Test func manyWritersLoseNothing() async throws {
    let folder = Folder()
    let journal = Journal(in: folder.directory)
    await withTaskGroup(of: Void.self) { group in
      for writer in 0..<8 {
        group.addTask { for number in 0..<250 { journal.note(event(writer * 1000 + number)) } }
      }
    }
    let found = try all(journal)
    #expect(found.count == 2000)
    #expect(Set(found.map(\.identifier)).count == 2000)
  }

  @Test func aLineOfAnyLengthHasABound() throws {
    let folder = Folder()
    let journal = Journal(in: folder.directory)
    var long = event(1)
    long.attributes["label"] = String(repeating: "x", count: 1 << 20)
    long.attributes["exitCode"] = "3"
    journal.note(long)
    let found = try all(journal)
    #expect(found.map(\.attributes) == [["name": "web1", "exitCode": "3"]])
  }

  @Test func whoCannotWriteGoesOn() throws {
    let journal = Journal(in: "/proc/no/such")
    journal.note(event(1))
    let folder = Folder()
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    let linked = Journal(in: folder.directory)
    // A link in its place leads nowhere.
    try FileManager.default.createSymbolicLink(atPath: linked.current.string, withDestinationPath: "/tmp/elsewhere-x")
    linked.note(event(1))
    #expect(!exists("/tmp/elsewhere-x"))
  }
}
