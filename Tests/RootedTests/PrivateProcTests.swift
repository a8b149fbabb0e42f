import Foundation
import Kernel
import Testing

@testable import Rooted

@Suite struct PrivateProcTests {
  @Test("opens again what a handle refers to", arguments: RootTests.resolvers)
  func reopens(_ resolver: Root.Resolver) throws {
    try withTemporaryDirectory { directory in
      let path = directory.appending("file")
      try replaceFile(path, with: [1, 2, 3], durable: false)
      let proc = try PrivateProc(resolver: resolver)
      let handle = try Kernel.open(path, .path)
      try removeFile(path)
      let file = try proc.reopen(handle.borrowed, .readOnly)
      #expect(try file.borrowed.readAll() == [1, 2, 3])
      let parent = try Kernel.open(directory, .path)
      let above = try proc.reopen(parent.borrowed, [.readOnly, .directory])
      #expect(try entries(of: above.borrowed).isEmpty)
    }
  }

  @Test("only the top of a procfs is taken for one")
  func refusesImpostors() throws {
    for path in ["/tmp", "/proc/self", "/sys"] as [Path] {
      let directory = try Kernel.open(path, [.path, .directory])
      let number = directory.release()
      #expect(throws: Fault.self, "\(path)") { _ = try PrivateProc(Descriptor(owning: number)) }
    }
    _ = try PrivateProc(try Kernel.open("/proc", [.path, .directory]))
  }

  @Test("a regular file is read, a FIFO or a device in its place is not opened", arguments: RootTests.resolvers)
  func readsRegularFilesOnly(_ resolver: Root.Resolver) throws {
    try withTemporaryDirectory { directory in
      try makeNode(directory.appending("fifo"), kind: .fifo, mode: 0o600)
      try replaceFile(directory.appending("passwd"), with: Array("root:x:0:0".utf8), durable: false)
      try makeSymbolicLink(directory.appending("link"), to: "/fifo")
      let root = try Root(at: directory, resolver: resolver)
      let proc = try PrivateProc(resolver: resolver)
      #expect(try root.readFile("passwd", limit: 100, through: proc) == Array("root:x:0:0".utf8))
      for (path, limit) in [("fifo", 100), ("link", 100), ("/", 100), ("passwd", 3)] as [(Path, Int)] {
        #expect(throws: Fault.self, "\(path)") { _ = try root.readFile(path, limit: limit, through: proc) }
      }
    }
  }

  @Test("a sysctl is written where it belongs", .enabled(if: effectiveUser() == 0, "needs root"))
  func writesProcessFiles() throws {
    let proc = try PrivateProc()
    let before = try readText("/proc/self/oom_score_adj")
    try proc.write("self/oom_score_adj", before)
    #expect(try readText("/proc/self/oom_score_adj") == before)
    #expect(throws: Fault.self) { try proc.write("self/no-such-file", "1") }
  }
}
