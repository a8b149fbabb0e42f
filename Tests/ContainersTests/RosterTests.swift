import Kernel
import Testing

@testable import Containers

struct RosterTests {
  private func key(_ digit: String) throws -> (ContainerIdentifier, Roster.Key) {
    let text = String(repeating: digit, count: 64)
    return (try #require(ContainerIdentifier(text)), try #require(Roster.Key(text.utf8)))
  }

  /// Runs `body` while a thread of its own is in the roster; the kernel keeps its list for each thread.
  private func whileEntered(
    _ path: Path, _ identifier: ContainerIdentifier, leaves: Bool = false, _ body: () throws -> Void
  ) throws {
    let mayEnd = Monitor(false)
    let hasEntered = Monitor<Bool?>(nil)
    let thread = try Thread("member") {
      do throws(Fault) {
        let entry = try Roster.enter(path, identifier)
        if leaves { entry.leave() }
        hasEntered.update { $0 = true }
      } catch { hasEntered.update { $0 = false } }
      mayEnd.wait { $0 ? () : nil }
    }
    let outcome = Result {
      #expect(hasEntered.wait { $0 })
      try body()
    }
    mayEnd.update { $0 = true }
    thread.join()
    try outcome.get()
  }

  @Test func whoEndsIsNotInItAnyMore() throws {
    let (one, oneKey) = try key("1")
    let (two, twoKey) = try key("2")
    try withTemporaryDirectory { folder in
      let path = folder.appending("roster")
      #expect(Roster.living(path) == [])
      try whileEntered(path, one) {
        #expect(Roster.living(path) == [oneKey])
        try whileEntered(path, two) { #expect(Roster.living(path) == [oneKey, twoKey]) }
        #expect(Roster.living(path) == [oneKey])
        // A place that is free is taken again.
        try whileEntered(path, two) {
          let size = try readFile(path).count
          #expect(size == 3 * 64)
        }
        try whileEntered(path, two, leaves: true) { #expect(Roster.living(path) == [oneKey]) }
      }
      #expect(Roster.living(path) == [])
    }
  }

  @Test func whatIsNoRosterIsEmptyAndMadeAnew() throws {
    let (one, oneKey) = try key("a")
    try withTemporaryDirectory { folder in
      let path = folder.appending("roster")
      // Another boot's, in which somebody had this process's number.
      var old = Array("skiff roster 1\n00000000-0000-0000-0000-000000000000\n".utf8)
      old += [UInt8](repeating: 0, count: 64 - old.count) + [1, 0, 0, 0] + [UInt8](repeating: 0, count: 60)
      for content in [old, [], [UInt8](repeating: 255, count: 1000), Array("skiff roster 1\n".utf8)] {
        try? removeFile(path)
        let file = try open(path, [.writeOnly, .create], mode: 0o600)
        try file.borrowed.write(content)
        try file.close()
        #expect(Roster.living(path) == [])
        try whileEntered(path, one) { #expect(Roster.living(path) == [oneKey]) }
      }
      // Cut within an entry.
      try whileEntered(path, one) {
        let file = try open(path, .readWrite)
        try file.borrowed.truncate(to: 100)
        try file.close()
        #expect(Roster.living(path) == [])
      }
      try removeFile(path)
      try makeSymbolicLink(path, to: "/etc/passwd")
      #expect(Roster.living(path) == [])
      #expect(throws: Fault.self) { _ = try Roster.enter(path, one) }
    }
  }

  @Test("whoever is in it lives on where the file is cut, and takes nobody else's place")
  func isNotKilledByAFileThatIsCut() async throws {
    await #expect(processExitsWith: .success) {
      let identifier = try #require(ContainerIdentifier(String(repeating: "a", count: 64)))
      try withTemporaryDirectory { folder in
        let path = folder.appending("roster")
        try Roster.enter(path, identifier).leave()
        // Others, so that the place is not in the first page.
        let file = try open(path, .readWrite)
        let others = [[UInt8]](repeating: [1, 0, 0, 0] + [UInt8](repeating: 7, count: 60), count: 100).flatMap { $0 }
        try file.borrowed.seek(to: 64)
        try file.borrowed.write(others)
        let entry = try Roster.enter(path, identifier)
        #expect(try status(of: path).size == 64 * 102)
        try file.borrowed.truncate(to: 0)
        entry.leave()
        #expect(try status(of: path).size == 0)
        // Written anew, with another in its place.
        try file.borrowed.seek(to: 64)
        try file.borrowed.write(others)
        let again = try Roster.enter(path, identifier)
        try file.borrowed.seek(to: 64)
        try file.borrowed.write(others)
        let before = try readFile(path)
        again.leave()
        #expect(try readFile(path) == before)
      }
    }
  }

  @Test func aLockThatIsNeverLetGoKeepsNobody() throws {
    let (one, oneKey) = try key("b")
    try withTemporaryDirectory { folder in
      let path = folder.appending("roster")
      let held = try openLock(path)
      #expect(throws: Fault.self) { _ = try Roster.enter(path, one) }
      try held.close()
      try whileEntered(path, one) { #expect(Roster.living(path) == [oneKey]) }
    }
  }

  @Test func anIdentifierIsOneNumber() throws {
    #expect(Roster.Key("abc".utf8) == nil)
    #expect(Roster.Key((String(repeating: "1", count: 63) + "G").utf8) == nil)
    let digits = (0..<4).map { String(repeating: "\($0)", count: 16) }
    #expect(Roster.Key(digits.joined().utf8) == Roster.Key(digits.joined().utf8))
    #expect(Roster.Key(digits.joined().utf8) != Roster.Key(digits.reversed().joined().utf8))
  }
}
