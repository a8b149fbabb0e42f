import Foundation
import Kernel
import Testing

/// `--runtime` where something goes wrong: who says it, and that nothing stays behind.
@Suite(.serialized, .enabled(if: Sandbox.obstacle == nil, Comment(rawValue: Sandbox.obstacle ?? "")))
struct OtherRuntimeFaultTests {
  @Test(arguments: OtherRuntimeBench.runtimes) func aProgramThatIsNotThere(runtime: String) throws {
    try OtherRuntimeBench.with { bench in
      let missing = try bench.skiff(
        ["run", "--network", "none", "--runtime", bench.word(runtime)] + bench.root + ["nothing"])
      #expect(
        missing.code == 127 && missing.errors.contains("nothing") && missing.errors.contains("not found"), "\(missing)")
      #expect(missing.errors.contains("hint: name a program that the image has"), "\(missing.errors)")
      let dull = try bench.skiff(
        [
          "run", "--network", "none", "-v", "/etc/passwd:/dull", "--runtime", bench.word(runtime),
        ] + bench.root + ["/dull"])
      #expect(dull.code == 126 && dull.errors.lowercased().contains("permission denied"), "\(dull)")
      #expect(try bench.skiff(["ps", "-aq"]).output.isEmpty)
    }
  }

  @Test func aRuntimeThatIsRefused() throws {
    try OtherRuntimeBench.with { bench in
      func refusal(_ word: String, _ options: [String] = []) throws -> String {
        let words = ["run", "--network", "none", "--runtime", word] + options + [] + bench.root + ["true"]
        let result = try bench.skiff(words)
        #expect(result.code == 125 && result.errors.contains("hint: "), "\(word): \(result)")
        return result.errors
      }
      #expect(try refusal("nobodys-runtime").contains("there is no runtime nobodys-runtime on this host"))
      #expect(try refusal("/nowhere/crun").contains("there is no runtime /nowhere/crun on this host"))
      #expect(try refusal(bench.folder).contains("there is no runtime"))
      let open = try bench.fake("open-to-all", "exit 0")
      chmod(open, 0o777)
      #expect(try refusal(open).contains("is refused: it is not root's alone"))
      let foreign = try bench.fake("foreign", "exit 0")
      chown(foreign, 1000, 1000)
      #expect(try refusal(foreign).contains("hint: somebody else may write to it: chown root"))
      let ours = bench.word(OtherRuntimeBench.ours)
      #expect(try refusal(ours, ["--userns", "auto"]).contains("--userns"))
      #expect(
        try refusal(ours, ["--mount", "type=volume,src=vol,dst=/v,volume-subpath=x"]).contains(
          "a subpath for /v does not go"))
      // The name of our own asks for nothing.
      let own = try bench.skiff(
        [
          "run", "--rm", "--runtime", "skiff-runtime", "--network", "none",
        ] + bench.root + ["true"])
      #expect(own.code == 0, "\(own.errors)")
    }
  }

  /// At each of its calls: what it said comes first, whichever way it said it.
  @Test func aRuntimeThatFails() throws {
    try OtherRuntimeBench.with { bench in
      let log = "log=$(echo \"$*\" | sed 's/.*--log \\([^ ]*\\) .*/\\1/');"
      func say(_ line: String, when command: String) -> String {
        "\(log) case \" $* \" in *' \(command) '*) \(line);; esac; real \"$@\""
      }
      let inLog = "echo '{\"level\":\"error\",\"msg\":\"the moon is full\"}' >$log; exit 1"
      let cases: [(String, String)] = [
        (say(inLog, when: "create"), ": fake: the moon is full"),
        (say("echo only words >&2; exit 3", when: "create"), ": fake: only words"),
        (say("exit 9", when: "create"), ": fake: ended with 9 and said nothing"),
        (say("kill -9 $$", when: "create"), ": fake: was killed by signal 9"),
        // It says that it has made one, and has not.
        (say("exit 0", when: "create"), "/pid"),
        (
          say(
            "real \"$@\"; echo 1x >$(echo \"$*\" | sed 's/.*--pid-file \\([^ ]*\\) .*/\\1/'); exit 0", when: "create"),
          "/pid"
        ),
        (
          say("real \"$@\"; echo 2 >$(echo \"$*\" | sed 's/.*--pid-file \\([^ ]*\\) .*/\\1/'); exit 0", when: "create"),
          "not its own"
        ),
        (say(inLog, when: "start"), ": fake: the moon is full"),
      ]
      for (script, words) in cases {
        let fake = try bench.fake("fake", script)
        let result = try bench.skiff(["run", "--name", "moon", "--runtime", fake] + bench.root + ["sleep", "100"])
        #expect(result.code == 125 && result.errors.contains("cannot start moon"), "\(script): \(result)")
        #expect(result.errors.contains(words), "\(script): \(result.errors)")
        let identifiers = bench.base.identifiers()
        bench.base.settle()
        #expect(bench.base.leaks(of: identifiers) == [], "\(script)")
      }
      let fake = try bench.fake(
        "fake",
        "case \" $* \" in *' exec '*) \(log) echo '{\"level\":\"error\",\"msg\":\"no way in\"}' >$log; exit 1;; esac; real \"$@\""
      )
      try bench.detach(fake, "moon")
      let exec = try bench.skiff(["exec", "moon", "busybox", "true"])
      #expect(exec.code != 0 && exec.errors.contains("cannot execute in moon: fake: no way in"), "\(exec)")
      // It goes while its container runs: that ends all the same, and leaves nothing.
      try FileManager.default.removeItem(atPath: fake)
      #expect(try bench.skiff(["stop", "-t", "0", "moon"]).code == 0)
      let start = try bench.skiff(["start", "moon"])
      #expect(start.code == 1 && start.errors.contains("its runtime \(fake) is not there any more"), "\(start)")
    }
  }

  /// The environment is clean, the words are words, and nothing but the streams is open.
  @Test func whatARuntimeIsGiven() throws {
    try OtherRuntimeBench.with { bench in
      let note = bench.folder + "/note"
      let fake = try bench.fake(
        "fake", "{ env | sort; for word; do echo \"<$word>\"; done; ls /proc/$$/fd; } >>\(note); real \"$@\"")
      let result = try bench.skiff(
        ["run", "--rm", "--network", "none", "--runtime", fake] + bench.root + ["echo", "$(touch /x); `id`"],
        environment: ["SECRET": "canary", "LD_PRELOAD": ""])
      #expect(result.output == "$(touch /x); `id`\n", "\(result)")
      let text = try String(contentsOfFile: note, encoding: .utf8)
      #expect(!text.contains("canary") && !text.contains("SKIFF") && !text.contains("LD_PRELOAD"), "\(text)")
      for word in ["<create>", "<--bundle>", "<--pid-file>", "<start>", "<delete>", "<--force>"] {
        #expect(text.contains(word + "\n"), "\(word): \(text)")
      }
      // The shell keeps its own from 10 on.
      let numbers = Set(text.split(separator: "\n").compactMap { Int($0) })
      #expect(numbers.isDisjoint(with: 3...9) && numbers.contains(2), "\(numbers)")
    }
  }

  /// One that hangs is given up with the command that waits for it.
  @Test func aRuntimeThatHangs() throws {
    try OtherRuntimeBench.with { bench in
      let fake = try bench.fake(
        "fake", "case \" $* \" in *' create '*) touch \(bench.folder)/hangs; sleep 1000;; esac; real \"$@\"")
      let call = try bench.base.start(["run", "--rm", "--runtime", fake] + bench.root + ["true"])
      for _ in 0..<200 where !FileManager.default.fileExists(atPath: bench.folder + "/hangs") { usleep(20_000) }
      let identifiers = bench.base.identifiers()
      #expect(identifiers.count == 1)
      kill(call.identifier, SIGKILL)
      _ = call.finish()
      bench.base.settle()
      #expect(try bench.skiff(["ps", "-aq"]).output.isEmpty)
      #expect(bench.base.leaks(of: identifiers) == [])
    }
  }

  @Test func whatIsExplained() throws {
    try OtherRuntimeBench.with { bench in
      let ours = bench.word(OtherRuntimeBench.ours)
      let words = ["run", "--runtime", ours, "--dry-run"] + bench.root + ["true"]
      let text = try bench.skiff(words + [])
      let shown = try bench.skiff(["run", "--explain"] + words.dropFirst())
      #expect(text.code == 0 && shown.code == 0, "\(text.errors)\(shown.errors)")
      for word in [
        "create --bundle", "another OCI runtime: start the program", "every mount becomes slave", "Lay a virtual cable",
      ] {
        #expect(shown.output.contains(word), "\(word): \(shown.output)")
      }
      let script = try bench.skiff(["run", "--explain=shell"] + words.dropFirst())
      #expect(
        script.code == 125 && script.errors.contains("--explain=shell is refused: \(ours) makes this container"),
        "\(script)")
      #expect(try bench.skiff(["ps", "-aq"]).output.isEmpty)
    }
  }

  /// kill -9 of the supervisor right before each of its steps, and of what heals after it.
  @Test func nothingIsLeftAfterAKill() throws {
    let bench = try OtherRuntimeBench()
    defer { bench.base.remove() }
    try bench.makeImage()
    for phase in ["host", "clone", "wiring", "finishing", "starting", "undo", "ending", "restarting"] {
      try walk(phase, bench)
    }
  }

  private func walk(_ phase: String, _ bench: OtherRuntimeBench) throws {
    var words = ["run", "--name", "walk", "-v", "/anonymous", "--runtime", bench.word(OtherRuntimeBench.ours), "box"]
    if phase == "restarting" {
      words.insert(contentsOf: ["--restart", "on-failure:1"], at: 1)
    } else {
      words.insert("--rm", at: 1)
    }
    words += ["busybox", phase == "restarting" ? "false" : "true"]
    for index in 0..<100 {
      let result = try bench.skiff(words, environment: ["SKIFF_KILL_AT": "\(phase):\(index)"])
      let identifiers = bench.base.identifiers()
      bench.base.settle()
      if phase == "restarting" { #expect(try bench.skiff(["rm", "-f", "-v", "walk"]).code == 0) }
      let next = try bench.skiff(["ps", "-aq"])
      #expect(next.code == 0 && next.output.isEmpty, "\(phase):\(index): \(next)")
      #expect(bench.base.leaks(of: identifiers) == [], "\(phase):\(index) left something behind")
      if result.code == (phase == "restarting" ? 1 : 0) {
        #expect(index > 0, "nobody was ever killed in \(phase)")
        return
      }
    }
    Issue.record("the walk of \(phase) does not end")
  }

  @Test(arguments: OtherRuntimeBench.runtimes) func aSupervisorThatIsKilledLater(runtime: String) throws {
    try OtherRuntimeBench.with { bench in
      try bench.detach(runtime, "gone", [])
      let identifiers = bench.base.identifiers()
      let process = try bench.skiff(["inspect", "-f", "{{.State.Pid}}", "gone"]).output
      for supervisor in bench.base.supervisors() { kill(supervisor, SIGKILL) }
      bench.base.settle()
      #expect(try bench.skiff(["ps", "-a", "--format", "{{.Status}}"]).output.hasPrefix("Exited (137)"))
      #expect(!isRunning(ProcessIdentifier(process.dropLast()) ?? 0))
      #expect(try bench.skiff(["rm", "gone"]).code == 0)
      #expect(bench.base.leaks(of: identifiers) == [])
    }
  }
}
