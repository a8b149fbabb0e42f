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
}
