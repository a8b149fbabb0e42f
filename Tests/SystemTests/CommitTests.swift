import Foundation
import JSON
import Kernel
import Testing

/// What a commit keeps beside the files, and what it leaves out: as docker 28 answers to the same commands.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct CommitTests {
  private func config(of name: String, in sandbox: Sandbox) throws -> JSONValue {
    let inspection = try sandbox.skiff(["inspect", name])
    #expect(inspection.code == 0, "\(inspection.errors)")
    let value = try JSONValue(parsing: Array(inspection.output.utf8))
    return try #require(value[0]?["Config"])
  }

  @Test func theContainersConfigurationBecomesTheImages() throws {
    try withHandMadeImage { sandbox in
      let run = try sandbox.skiff([
        "run", "--name", "configured", "--network", "none", "-e", "ADDED=1", "-e", "FROM=run", "-w", "/data/sub", "-u",
        "alice",
        "-l",
        "note=kept", "-v", "/anon", "-v", "\(sandbox.folder.path):/bound", "--stop-signal", "QUIT", "--entrypoint",
        "sh",
        "hand:made", "-c", "echo $ADDED $FROM; id -u; pwd",
      ])
      #expect(run.output == "1 run\n1000\n/data/sub\n", "\(run.errors)")
      #expect(try sandbox.skiff(["commit", "configured", "kept"]).code == 0)
      let kept = try config(of: "kept", in: sandbox)
      #expect(kept["User"] == "alice")
      #expect(kept["Env"] == ["PATH=/bin", "FROM=run", "ADDED=1"])
      #expect(kept["Entrypoint"] == ["sh"])
      #expect(kept["Cmd"] == ["-c", "echo $ADDED $FROM; id -u; pwd"])
      #expect(kept["WorkingDir"] == "/data/sub")
      #expect(kept["Labels"] == ["made": "by hand", "note": "kept"])
      #expect(kept["Volumes"] == ["/anon": [:]])
      #expect(kept["StopSignal"] == "SIGQUIT")
      // Run without a word it does the same.
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "kept"]).output == run.output)
      // What --change says comes last, and an entry point drops the command that was meant for another.
      #expect(
        try sandbox.skiff([
          "commit", "-c", #"ENTRYPOINT ["echo"]"#, "-c", "ENV FROM=change", "-c", "USER 0", "configured", "changed",
        ]).code == 0)
      let changed = try config(of: "changed", in: sandbox)
      #expect(changed["Entrypoint"] == ["echo"] && changed["Cmd"] == [] && changed["User"] == "0")
      #expect(changed["Env"] == ["PATH=/bin", "FROM=change", "ADDED=1"])
      // Without anything said the image's own stays.
      #expect(try sandbox.skiff(["run", "--name", "plain", "--network", "none", "hand:made"]).output == "old\n")
      #expect(try sandbox.skiff(["commit", "plain", "same"]).code == 0)
      #expect(try config(of: "same", in: sandbox) == config(of: "hand:made", in: sandbox))
    }
  }

  @Test func whatIsPausedStaysSo() throws {
    try withHandMadeImage { (sandbox) throws in
      let run = ["run", "-d", "--name", "still", "--network", "none", "hand:made", "sleep", "1000"]
      #expect(try sandbox.skiff(run).code == 0)
      #expect(try sandbox.skiff(["pause", "still"]).code == 0)
      #expect(try sandbox.skiff(["commit", "still", "from-paused"]).code == 0)
      #expect(try sandbox.skiff(["ps", "--format", "{{.State}}"]).output == "paused\n")
      #expect(try sandbox.skiff(["unpause", "still"]).code == 0)
      #expect(try sandbox.skiff(["commit", "still", "from-running"]).code == 0)
      #expect(try sandbox.skiff(["ps", "--format", "{{.State}}"]).output == "running\n")
      #expect(try sandbox.skiff(["rm", "-f", "still"]).code == 0)
    }
  }

  @Test func mountPointsOfEveryContainerAreNoChange() throws {
    try withHandMadeImage { sandbox in
      #expect(try sandbox.skiff(["run", "--name", "idle", "--network", "none", "hand:made"]).code == 0)
      #expect(try sandbox.skiff(["diff", "idle"]).output == "")
      #expect(try sandbox.skiff(["commit", "idle", "from-idle"]).code == 0)
      #expect(try layers(of: "from-idle", in: sandbox).count == 1)
      // Those that were asked for are kept, as docker keeps them, and so is the working directory.
      let run = try sandbox.skiff([
        "run", "--name", "busy", "--network", "none", "-v", "\(sandbox.folder.path):/bound/here", "-v", "/anon",
        "--tmpfs",
        "/tm", "-w", "/work/dir", "hand:made", "sh", "-c", "echo hi > /note",
      ])
      #expect(run.code == 0, "\(run.errors)")
      let diff = try sandbox.skiff(["diff", "busy"]).output
      #expect(
        diff
          == ["A /anon", "A /bound", "A /bound/here", "A /note", "A /tm", "A /work", "A /work/dir", ""].joined(
            separator: "\n"))
      #expect(try sandbox.skiff(["commit", "busy", "from-busy"]).code == 0)
      let digest = try #require(try layers(of: "from-busy", in: sandbox).last?.dropFirst(7))
      let list = try capture("tar -tf \(sandbox.state)/images/blobs/sha256/\(digest) | LC_ALL=C sort")
      #expect(list == "./\nanon/\nbound/\nbound/here/\nnote\ntm/\nwork/\nwork/dir/\n")
      // A directory that a mount point lies in has changes of its own.
      #expect(
        try sandbox.skiff(["run", "--name", "etc", "--network", "none", "hand:made", "sh", "-c", "echo > /etc/x"]).code
          == 0)
      #expect(try sandbox.skiff(["diff", "etc"]).output == "C /etc\nA /etc/x\n")
      #expect(
        try sandbox.skiff([
          "run", "--name", "mode", "--network", "none", "hand:made", "busybox", "chmod", "700", "/etc",
        ]).code == 0)
      #expect(try sandbox.skiff(["diff", "mode"]).output == "C /etc\n")
      #expect(try sandbox.skiff(["commit", "mode", "mode"]).code == 0)
      #expect(
        try sandbox.skiff(["run", "--rm", "--network", "none", "mode", "ls", "-ld", "/etc"]).output.hasPrefix(
          "drwx------"))
    }
  }

  /// What is mounted over lies in a tree below all images.
  @Test func aContainerBeginsWithoutAFile() throws {
    try withHandMadeImage { sandbox in
      let run = ["run", "--network", "none", "hand:made", "true"]
      func upper() throws -> [String] {
        let name = try sandbox.skiff(["ps", "-alq"]).output.trimmingCharacters(in: .newlines)
        let value = try JSONValue(parsing: Array(try sandbox.skiff(["inspect", name]).output.utf8))
        let path = try #require(value[0]?["GraphDriver"]?["Data"]?["UpperDir"]?.string)
        #expect(try sandbox.skiff(["diff", name]).output == "")
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
      }
      #expect(try sandbox.skiff(run).code == 0)
      #expect(try upper() == [])
      let tree = "\(sandbox.state)/layers/.mountpoints"
      #expect(
        try capture("cd \(tree) && find . -printf '%P %m\\n' | LC_ALL=C sort; find . -type f -size +0") == """
           755
          dev 755
          etc 755
          etc/hostname 644
          etc/hosts 644
          etc/resolv.conf 644
          proc 755
          sys 755

          """)
      // It is a cache, as all that is beside it.
      try FileManager.default.removeItem(atPath: tree)
      #expect(try sandbox.skiff(run).code == 0)
      #expect(try upper() == [])
    }
  }

  private func layers(of name: String, in sandbox: Sandbox) throws -> [String] {
    let value = try JSONValue(parsing: Array(try sandbox.skiff(["inspect", name]).output.utf8))
    return try #require(value[0]?["RootFS"]?["Layers"]?.array).compactMap(\.string)
  }

  private func capture(_ script: String) throws -> String {
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = ["-c", script]
    let pipe = Pipe()
    shell.standardOutput = pipe
    try shell.run()
    let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0, "\(output)")
    return output
  }
}
