import Foundation
import Kernel
import Testing

struct DirectoriesTests {
  @Test func tellsWhetherThereIsAnything() throws {
    try withTemporaryDirectory { folder in
      #expect(try !hasEntries(folder.appending("none")))
      #expect(try !hasEntries(folder))
      // The longest of names, and more of them than one look has room for.
      for index in 0..<50 {
        try makeDirectory(folder.appending(Path("\(100 + index)" + String(repeating: "n", count: 252))), mode: 0o700)
      }
      #expect(try hasEntries(folder))
      #expect(try entries(of: folder).count == 50)
      #expect(throws: Fault.self) { try hasEntries("/proc/self/status") }
    }
  }

  /// Another process puts a word into it at that moment.
  @Test func aTreeIsRemovedUnderTheHandsOfWhoWritesIntoIt() throws {
    try withTemporaryDirectory { folder in
      for round in 0..<20 {
        let tree = folder.appending(Path("tree\(round)"))
        try makeDirectory(tree, mode: 0o700)
        for index in 0..<20 { _ = try open(tree.appending(Path("old\(index)")), [.writeOnly, .create], mode: 0o600) }
        let directory = try open(tree, [.path, .directory]).release()
        let writer = Thread {
          for index in 0..<30 {
            let file = try? open(
              Path("new\(index)"), [.writeOnly, .create], mode: 0o600, at: BorrowedDescriptor(rawValue: directory))
            if file == nil { break }
          }
        }
        writer.start()
        try removeTree(tree)
        #expect(!exists(tree))
        while !writer.isFinished { usleep(1000) }
        _ = Descriptor(owning: directory)
      }
    }
  }
}
