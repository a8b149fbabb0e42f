import Foundation
import Kernel
import Testing

/// `ps` and `stats` beside so many containers that two threads look at them: what one container alone shows is shown all the
/// same.
@Suite(.serialized, .enabled(if: geteuid() == 0 && exists("/bin/busybox"), "needs root and busybox"))
struct CrowdedListTests {
  private static let count = 70

  @Test func whatHappenedIsSeenByTheVeryNextList() throws {
    try Sandbox.with { place in
      let made = try place.shell(
        """
        for i in $(seq \(Self.count)); do
          "$0" run -d --name box$i --network none --rootfs \(place.rootfs) sleep 1000 >/dev/null || exit 1
        done
        """)
      #expect(made.code == 0, "\(made)")
      func list(_ flags: String...) throws -> [String: String] {
        let result = try place.skiff(["ps", "--format", "{{.Names}} {{.Status}}"] + flags)
        #expect(result.code == 0, "\(result)")
        let words = result.output.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1).map(String.init) }
        return Dictionary(words.map { ($0[0], $0[1]) }) { $1 }
      }
      func directory(_ name: String) throws -> String {
        let identifier = try place.skiff(["inspect", "-f", "{{.Id}}", name]).output.dropLast()
        return "\(place.state)/containers/\(identifier)"
      }
      // The first reads the files of each, the next what that has kept.
      for _ in 0..<2 {
        let all = try list()
        #expect(all.count == Self.count && all.values.allSatisfy { $0.hasPrefix("Up ") }, "\(all)")
      }
      let identifier = URL(filePath: try directory("box7")).lastPathComponent
      let killed = try place.supervisors().filter {
        try readText("/proc/\($0)/cmdline").contains(identifier)
      }
      #expect(killed.count == 1)
      for supervisor in killed { try sendSignal(9, toProcess: supervisor) }
      // Who was killed lets go of its lock a moment later.
      let lock = try open(Path("\(place.run)/locks/\(identifier)"), .readOnly)
      try lock.borrowed.lock(.shared)
      try lock.close()
      var rest = try list()
      #expect(rest.count == Self.count - 1 && rest["box7"] == nil)
      #expect(try list("-a")["box7"]?.hasPrefix("Exited (137)") == true)
      // Standing still, called otherwise, and with a state that nobody can read.
      #expect(try place.skiff(["pause", "box8"]).code == 0)
      #expect(try place.skiff(["rename", "box9", "boat"]).code == 0)
      try Data("{".utf8).write(to: URL(filePath: try directory("box10") + "/state.json"), options: .atomic)
      rest = try list()
      #expect(rest["box8"]?.hasSuffix("(Paused)") == true && rest["box9"] == nil && rest["boat"] != nil, "\(rest)")
      #expect(rest["box10"]?.hasPrefix("Up") == true && rest.count == Self.count - 1, "\(rest)")
      let shares = try place.skiff(["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}"]).output
        .split(separator: "\n").map(String.init)
      #expect(
        Set(shares).count == Self.count - 1 && shares.contains("boat 2") && shares.contains("box70 2"), "\(shares)")
      #expect(!shares.contains { $0.hasPrefix("box7 ") })
      let named = try place.skiff(["stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", "box1", "box7"])
        .output
      #expect(
        named.contains("box1 ") && named.contains("box7 -- / --") && named.split(separator: "\n").count == 2, "\(named)"
      )
    }
  }
}
