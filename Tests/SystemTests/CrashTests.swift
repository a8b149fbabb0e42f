import Foundation
import Kernel
import Testing

private let obstacle: String? = {
  if geteuid() != 0 { return "needs root" }
  let missing = ["/usr/bin/strace", "/bin/busybox", "/usr/bin/python3"].filter { !mayExecute(Path($0)) }
  return missing.isEmpty ? nil : "not installed: \(missing.joined(separator: ", ")) (Scripts/setup test)"
}()

/// A command that adds an image is killed at each of its changes to the disk, and the power goes with it: what has a name
/// then is whole, and the same command ends well the next time and leaves nothing over.
@Suite(.enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? "")))
struct CrashTests {
  /// - Parameter prepare: makes what is there before, in `lib` and `run` of the folder; gives the command.
  private func walk(_ prepare: (Sandbox) throws -> [String]) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let folder = sandbox.folder.path
    let command = try prepare(sandbox)
    let made = try sandbox.shell("cd \(folder); mkdir -p lib run base && mv lib run base/")
    #expect(made.code == 0, "\(made.errors)")
    try Data(CrashWalk.program.utf8).write(to: URL(filePath: folder + "/walk.py"))
    let walked = try sandbox.start(
      ["900", "/usr/bin/python3", folder + "/walk.py", Sandbox.skiff, folder] + command, program: "/usr/bin/timeout"
    ).finish()
    let last = walked.output.split(separator: "\n").last ?? ""
    #expect(walked.code == 0 && last.hasSuffix(" kills, 0 faults"), "\(walked.output)\(walked.errors)")
    #expect(Int(last.prefix { $0 != " " }).map { $0 > 20 } == true, "\(last)")
  }

  @Test func aLoad() throws {
    try walk { (sandbox: Sandbox) throws -> [String] in
      let other = ["SKIFF_ROOT": sandbox.folder.path + "/other"]
      let file = sandbox.folder.path + "/box.tar"
      for words in [["stage", "-q", "-t", "box", "busybox"], ["save", "-o", file, "box"]] {
        #expect(try sandbox.skiff(words, environment: other).code == 0)
      }
      return ["load", "-q", "-i", file]
    }
  }

  @Test func aCommit() throws {
    try walk { (sandbox: Sandbox) throws -> [String] in
      try sandbox.makeImage()
      let script = "mkdir /d; i=0; while [ $i -lt 9 ]; do echo $i >/d/f$i; i=$((i+1)); done; rm /second"
      let run = ["run", "--name", "work", "--network", "none", "box", "busybox", "sh", "-c", script]
      #expect(try sandbox.skiff(run).code == 0)
      sandbox.settle()
      return ["commit", "work", "kept"]
    }
  }

  @Test func aPull() throws {
    var registry: HostileRegistry?
    try walk { (sandbox: Sandbox) throws -> [String] in
      let server = try HostileRegistry(in: sandbox.folder)
      registry = server
      return ["pull", "-q", "\(server.host)/freshindex"]
    }
    _ = registry
  }
}
