import Foundation
import Kernel
import Testing

private let place: String? = {
  if getuid() != 0 { return "containers need root" }
  return FileManager.default.isExecutableFile(atPath: "/bin/busybox") ? nil : "no busybox"
}()

/// What a person types on a day with containers, and what comes back.
@Suite(.enabled(if: place == nil, Comment(rawValue: place ?? ""))) struct RunningTests {
  private func with(_ body: (Sandbox, (String...) throws -> Sandbox.Result) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    func run(_ words: String...) throws -> Sandbox.Result {
      try sandbox.skiff(["run", "--rm", "--network", "none"] + words)
    }
    try body(sandbox, run)
  }

  /// With the default filter, which knows no clone3.
  @Test func anInitStandsBeforeTheProgram() throws {
    try with { sandbox, run in
      let seen = try run("--init", "--rootfs", sandbox.rootfs, "sh", "-c", "cat /proc/1/comm /proc/1/cmdline; exit 7")
      #expect(seen.code == 7, "\(seen)")
      // Nothing of the host's directories stands in its arguments.
      #expect(seen.output.hasPrefix("skiff-init\nskiff-init\0--\0sh\0") && !seen.output.contains(sandbox.state))
      #expect(try run("--init", "--rootfs", sandbox.rootfs, "nosuch").code == 127)
      #expect(try run("--init", "--rootfs", sandbox.rootfs, "sh", "-c", "kill -9 $$").code == 137)
      let started = try sandbox.skiff([
        "run", "-d", "--init", "--name", "first", "--network", "none", "--rootfs", sandbox.rootfs, "sleep", "1000",
      ])
      #expect(started.code == 0, "\(started)")
      // As first process itself it would never see the signal, and be killed in the end.
      #expect(try sandbox.skiff(["stop", "-t", "60", "first"]).code == 0)
      #expect(try sandbox.skiff(["wait", "first"]).output == "143\n")
      #expect(try sandbox.skiff(["rm", "first"]).code == 0)
    }
  }

  @Test func aReaderThatHasEnoughEndsTheAttachmentAndNotTheContainer() throws {
    try with { sandbox, _ in
      let line = """
        "$0" run --rm --name much --network none --rootfs \(sandbox.rootfs) sh -c 'while :; do echo y; done' \\
          2>\(sandbox.folder.path)/said | head -n 1; echo ${PIPESTATUS[0]}
        """
      let result = try sandbox.shell(line)
      #expect(result.output == "y\n141\n")
      let said = try String(contentsOfFile: sandbox.folder.path + "/said", encoding: .utf8)
      #expect(said.hasPrefix("skiff: left much, which goes on: nobody reads its output: broken pipe\nhint: "))
      #expect(try sandbox.skiff(["ps", "--format", "{{.Names}} {{.State}}"]).output == "much running\n")
      #expect(try sandbox.skiff(["rm", "-f", "much"]).code == 0)
    }
  }

  /// Each line that is read makes a thousand times as much output: whoever waits with the one for the other waits for ever.
  @Test func inputAndOutputDoNotWaitForEachOther() throws {
    try with { sandbox, _ in
      let line = """
        (while :; do echo; done) | "$0" run -i --rm --name both --network none --log-driver none \\
          --rootfs \(sandbox.rootfs) sh -c 'while read line; do head -c 1000000 /dev/zero; done' 2>/dev/null \\
          | head -c 5000000 | wc -c
        """
      let counted = try sandbox.shell(line)
      #expect(counted.output == "5000000\n")
      #expect(try sandbox.skiff(["rm", "-f", "both"]).code == 0)
    }
  }

  /// As docker since 25.0: a mount below a read-only one is no way around it.
  @Test func readOnlyMeansWhatIsMountedBelowToo() throws {
    try with { sandbox, _ in
      let source = sandbox.folder.path + "/source"
      try FileManager.default.createDirectory(atPath: source + "/below", withIntermediateDirectories: true)
      let write = "--network none --rootfs \(sandbox.rootfs) sh -c '(echo x >/m/below/x) 2>/dev/null; echo $?'"
      let result = try sandbox.shell(
        """
        export skiff="$0"
        unshare -m sh -c 'mount -t tmpfs none \(source)/below
          "$skiff" run --rm -v \(source):/m:ro \(write.replacingOccurrences(of: "'", with: "'\\''"))
          "$skiff" run --rm --mount type=bind,src=\(source),dst=/m,ro,bind-recursive=writable \
            \(write.replacingOccurrences(of: "'", with: "'\\''"))
          "$skiff" run --rm --mount type=bind,src=\(source),dst=/m,bind-recursive=disabled \
            --network none --rootfs \(sandbox.rootfs) ls /m/below'
        """)
      #expect(result.output == "1\n0\n", "\(result)")
    }
  }

  @Test func psHasDockersColumns() throws {
    try with { sandbox, _ in
      let words = ["run", "-d", "--name", "shown", "--network", "none", "--rootfs", sandbox.rootfs]
      #expect(try sandbox.skiff(words + ["sh", "-c", "sleep 1000"]).code == 0)
      let lines = try sandbox.skiff(["ps", "-s"]).output.split(separator: "\n")
      let headings = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES", "SIZE"]
      #expect(lines.first.map { $0.split(separator: "  ").map { $0.drop { $0 == " " } } } == headings.map { $0[...] })
      #expect(lines.last?.contains("\"sh -c 'sleep 1000'\"") == true)
      let table = try sandbox.skiff(["ps", "--format", #"table {{.Names}}\t{{.State}}"#])
      #expect(table.output == "NAMES     STATE\nshown     running\n")
      #expect(try sandbox.skiff(["rm", "-f", "shown"]).code == 0)
    }
  }

  @Test func aDeviceThatIsNoDiskCannotBeSlowedDown() throws {
    try with { sandbox, run in
      let result = try run("--device-read-bps", "/dev/null:1mb", "--rootfs", sandbox.rootfs, "true")
      #expect(result.code == 125)
      #expect(
        result.errors == "skiff: cannot limit /dev/null: it is no block device\nhint: lsblk lists those there are\n")
    }
  }
}
