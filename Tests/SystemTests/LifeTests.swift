import Foundation
import Kernel
import Testing

/// create, start, restart, pause and what a restart policy does.
@Suite(.enabled(if: Sandbox.obstacle == nil, "\(Sandbox.obstacle ?? "")")) struct LifeTests {
  @Test func whatIsCreatedIsStartedLaterAndAgain() throws {
    try Sandbox.with { sandbox in
      let words = [
        "--name", "later", "--network", "none", "--rootfs", sandbox.rootfs, "sh", "-c", "echo $((++n)); exit 3",
      ]
      let created = try sandbox.skiff(["create"] + words)
      #expect(created.code == 0 && created.output.utf8.count == 65, "\(created)")
      #expect(try sandbox.skiff(["ps", "-a", "--format", "{{.Names}} {{.State}}"]).output == "later created\n")
      #expect(try sandbox.skiff(["ps", "-q"]).output.isEmpty)
      for _ in 0..<2 {
        let started = try sandbox.skiff(["start", "-a", "later"])
        #expect(started.code == 3 && started.output == "1\n", "\(started)")
      }
      #expect(try sandbox.skiff(["logs", "later"]).output == "1\n1\n")
      #expect(try sandbox.skiff(["start", "later"]).output == "later\n")
      #expect(try sandbox.skiff(["wait", "later"]).output == "3\n")
      // One that makes no sense leaves nothing.
      let refused = try sandbox.skiff(["create", "--name", "later", "--rootfs", sandbox.rootfs, "true"])
      #expect(refused.code == 125 || refused.code == 1, "\(refused)")
      #expect(sandbox.identifiers().count == 1)
    }
  }

  @Test func aStartThatFailsKeepsTheContainerAndSaysWhy() throws {
    try Sandbox.with { sandbox in
      let create = ["create", "--name", "broken", "--network", "none", "--rootfs", sandbox.rootfs, "nosuch"]
      #expect(try sandbox.skiff(create).code == 0)
      let started = try sandbox.skiff(["start", "broken"])
      #expect(started.code == 1 && started.errors.contains("nosuch"), "\(started)")
      let state = try sandbox.skiff(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "broken"])
      #expect(state.output == "created 127\n", "\(state)")
      #expect(try sandbox.skiff(["inspect", "-f", "{{.State.Error}}", "broken"]).output.contains("nosuch"))
      try sandbox.skiff(["start", "broken"])
      #expect(sandbox.identifiers().count == 1)
    }
  }

  @Test func restartPolicies() throws {
    try Sandbox.with { sandbox in
      func run(_ name: String, _ policy: String, _ command: String...) throws {
        let words = ["run", "-d", "--name", name, "--network", "none", "--restart", policy, "--rootfs", sandbox.rootfs]
        let started = try sandbox.skiff(words + command)
        #expect(started.code == 0, "\(started)")
      }
      try run("twice", "on-failure:2", "sh", "-c", "echo life; exit 5")
      try run("fine", "on-failure", "true")
      try run("ever", "always", "true")
      try sandbox.expect("twice", "{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}", "exited 2 5")
      #expect(try sandbox.skiff(["logs", "twice"]).output == "life\nlife\nlife\n")
      try sandbox.expect("fine", "{{.State.Status}} {{.RestartCount}}", "exited 0")
      try sandbox.expect("ever", "{{.State.Status}} {{.State.Running}}", "restarting true")
      // While it waits, it is stopped at once, and stays so.
      #expect(try sandbox.skiff(["stop", "ever"]).code == 0)
      #expect(try sandbox.skiff(["inspect", "-f", "{{.State.Status}}", "ever"]).output == "exited\n")
      #expect(sandbox.lastingSupervisors().isEmpty)
      #expect(
        try sandbox.skiff(["run", "--rm", "--restart", "always", "--rootfs", sandbox.rootfs, "true"]).code == 125)
      #expect(try sandbox.skiff(["run", "--restart", "often", "--rootfs", sandbox.rootfs, "true"]).code == 125)
    }
  }

  /// Stopped or killed by a person is not started again by the policy; by start it is.
  @Test func whoStopsItMeansIt() throws {
    try Sandbox.with { sandbox in
      let words = ["run", "-d", "--name", "web", "--network", "none", "--restart", "always", "--init", "--rootfs"]
      #expect(try sandbox.skiff(words + [sandbox.rootfs, "sleep", "1000"]).code == 0)
      func identity() throws -> String { try sandbox.skiff(["inspect", "-f", "{{.State.Pid}}", "web"]).output }
      let first = try identity()
      #expect(try sandbox.skiff(["restart", "-t", "60", "web"]).output == "web\n")
      let second = try identity()
      #expect(first != second && second != "0\n")
      #expect(try sandbox.skiff(["kill", "web"]).code == 0)
      try sandbox.expect("web", "{{.State.Status}} {{.State.ExitCode}}", "exited 137")
      #expect(try sandbox.skiff(["start", "web"]).code == 0)
      // What kills it from outside is answered.
      kill(Int32(try identity().dropLast()) ?? 0, SIGKILL)
      try sandbox.expect("web", "{{.State.Status}} {{.RestartCount}}", "running 1")
    }
  }

  /// One that ends between the look at it and the signal is not yet ended for its supervisor, and started again all the same.
  @Test(.enabled(if: mayExecute("/usr/bin/strace"), "strace is not installed"))
  func aRestartWhoseContainerHasJustEndedIsOne() throws {
    try Sandbox.with { sandbox in
      let slow = "trap 'sleep 0.5; exit 7' TERM; while :; do sleep 0.05; done"
      let words = ["run", "-d", "--name", "web", "--network", "none", "--rootfs", sandbox.rootfs, "sh", "-c", slow]
      #expect(try sandbox.skiff(words).code == 0)
      sleep(1)
      // Asked whether it lives, sent SIGTERM; and then, before SIGKILL, asked again.
      func identity() throws -> String { try sandbox.skiff(["inspect", "-f", "{{.State.Pid}}", "web"]).output }
      let first = try identity()
      let fault = "-e trace=pidfd_send_signal -e inject=pidfd_send_signal:error=ESRCH:when=3"
      let restarted = try sandbox.shell("strace -o /dev/stderr \(fault) \"$0\" restart -t 0 web")
      #expect(restarted.code == 0 && restarted.errors.contains("ESRCH"), "\(restarted)")
      let second = try identity()
      #expect(first != second && second != "0\n", "\(first) \(second)")
    }
  }

  /// After a boot: one that ran is started; one that was stopped only with `always`.
  @Test func whatRunsAfterABoot() throws {
    try Sandbox.with { sandbox in
      for policy in ["always", "unless-stopped", "no"] {
        for state in ["up", "down"] {
          let words = [
            "run", "-d", "--name", "\(policy)-\(state)", "--network", "none", "--restart", policy, "--rootfs",
          ]
          #expect(try sandbox.skiff(words + [sandbox.rootfs, "sleep", "1000"]).code == 0)
        }
        #expect(try sandbox.skiff(["kill", "\(policy)-down"]).code == 0)
        #expect(try sandbox.skiff(["wait", "\(policy)-down"]).output == "137\n")
      }
      for supervisor in try sandbox.supervisors() { kill(supervisor, SIGKILL) }
      while try !sandbox.supervisors().isEmpty { usleep(10_000) }
      let booted = try sandbox.skiff(["start", "--boot"])
      let names = Set(booted.output.split(separator: "\n").map(String.init))
      #expect(names == ["always-up", "always-down", "unless-stopped-up"], "\(booted)")
    }
  }

  /// What ends with the machine is not what a person has stopped.
  @Test func aMachineThatGoesDownAndComesBack() throws {
    try Sandbox.with { sandbox in
      for name in ["one", "two"] {
        let words = ["run", "-d", "--name", name, "--network", "none", "--restart", "unless-stopped", "--rootfs"]
        #expect(try sandbox.skiff(words + [sandbox.rootfs, "sleep", "1000"]).code == 0)
      }
      let free = ["run", "-d", "--name", "free", "--network", "none", "--rootfs", sandbox.rootfs, "sleep", "1000"]
      #expect(try sandbox.skiff(free).code == 0)
      let stopped = try sandbox.skiff(["stop", "--shutdown", "-t", "60"]).output
      #expect(Set(stopped.split(separator: "\n")) == ["one", "two", "free"])
      #expect(try sandbox.skiff(["ps", "-q"]).output.isEmpty)
      #expect(try sandbox.skiff(["why", "one"]).output.contains("stopped with the machine"))
      #expect(try sandbox.skiff(["start", "--boot"]).output == "one\ntwo\n")
    }
  }

  @Test func unitsForTheServiceManager() throws {
    try Sandbox.with { sandbox in
      let create = ["create", "--name", "web", "--stop-timeout", "7", "--rootfs", sandbox.rootfs, "true"]
      #expect(try sandbox.skiff(create).code == 0)
      let one = try sandbox.skiff(["generate", "systemd", "web"]).output
      let all = try sandbox.skiff(["generate", "systemd"]).output
      let program = "\(Sandbox.skiff) --root \(sandbox.state) --state \(sandbox.run)"
      #expect(one.contains("\nExecStart=\(program) start web\nExecStop=\(program) stop --timeout 7 web\n"), "\(one)")
      #expect(all.contains("\nExecStart=\(program) start --boot\nExecStop=\(program) stop --shutdown\n"), "\(all)")
      #expect(try sandbox.skiff(["generate", "systemd", "nosuch"]).code == 1)
      // What a directory is called is no directive, and means what it means to systemd.
      let injected = try sandbox.skiff(
        ["--root", sandbox.state + "/a\nExecStartPre=/bin/id", "generate", "systemd"])
      #expect(injected.code == 125 && injected.errors.contains("control character") && injected.output.isEmpty)
      let odd = try sandbox.skiff(["--root", sandbox.state + "/$a '%b", "generate", "systemd"]).output
      #expect(odd.contains("\nRequiresMountsFor=\"\(sandbox.state)/$a '%%b\" "), "\(odd)")
      #expect(odd.contains("\nExecStart=\(Sandbox.skiff) --root \"\(sandbox.state)/$$a '%%b\" --state"), "\(odd)")
      if FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze") {
        let file = sandbox.folder.path + "/skiff-web.service"
        try Data(one.replacingOccurrences(of: "Documentation=man:skiff(1)\n", with: "").utf8).write(
          to: URL(filePath: file))
        let checked = try sandbox.shell("systemd-analyze verify --man=no \(file) 2>&1 | grep skiff-web; true")
        #expect(checked.output.isEmpty, "\(checked)")
      }
    }
  }

  /// Whose network it has may have been started anew since: each life looks who that is now.
  @Test func theNetworkOfAnotherIsTheOneThatItHasNow() throws {
    try Sandbox.with { sandbox in
      func run(_ name: String, _ words: [String]) throws {
        let started = try sandbox.skiff(
          ["run", "-d", "--name", name] + words + ["--rootfs", sandbox.rootfs, "sleep", "1000"])
        #expect(started.code == 0, "\(started)")
      }
      func namespace(_ name: String) throws -> String {
        let process = try sandbox.skiff(["inspect", "-f", "{{.State.Pid}}", name]).output.dropLast()
        return try readSymbolicLink(Path("/proc/\(process)/ns/net")).string
      }
      try run("first", ["--network", "none"])
      try run("guest", ["--network", "container:first", "--restart", "always"])
      let before = try namespace("first")
      #expect(try namespace("guest") == before)
      #expect(try sandbox.skiff(["restart", "-t", "60", "first"]).code == 0)
      #expect(try namespace("first") != before)
      // Its policy answers this, and no command.
      kill(Int32(try sandbox.skiff(["inspect", "-f", "{{.State.Pid}}", "guest"]).output.dropLast()) ?? 0, SIGKILL)
      try sandbox.expect("guest", "{{.State.Status}} {{.RestartCount}}", "running 1")
      #expect(try namespace("guest") == namespace("first"))
    }
  }

  /// Its program has just ended, and its supervisor is about to start it again; or another command is.
  @Test(arguments: [["rm", "-f"], ["stop"]]) func whoEndsItWinsOverWhoStartsIt(words: [String]) throws {
    try Sandbox.with { sandbox in
      for round in 0..<12 {
        let name = "round\(round)"
        let policy = round % 2 == 0 ? "always" : "no"
        let run = ["run", "-d", "--name", name, "--network", "none", "--restart", policy, "--rootfs", sandbox.rootfs]
        #expect(try sandbox.skiff(run + ["sleep", "1000"]).code == 0)
        kill(Int32(try sandbox.skiff(["inspect", "-f", "{{.State.Pid}}", name]).output.dropLast()) ?? 0, SIGKILL)
        let start = try round % 2 == 0 ? nil : sandbox.start(["start", name])
        let limited = ["-s", "KILL", "30", Sandbox.skiff] + words + [name]
        let ended = try sandbox.start(limited, program: "/usr/bin/timeout").finish()
        #expect(ended.code == 0, "\(ended)")
        // Who came after it may have started what was stopped, and not what was removed.
        let started = start?.finish()
        #expect(started == nil || [0, 1].contains(started?.code), "\(String(describing: started))")
        guard start == nil || words[0] == "rm" else { continue }
        let state = try sandbox.skiff(["ps", "-a", "--filter", "name=\(name)$", "--format", "{{.State}}"]).output
        #expect(state == (words[0] == "rm" ? "" : "exited\n"), "\(state)")
      }
    }
  }

  @Test func whatWaitsToBeStartedAgainSaysSo() throws {
    try Sandbox.with { sandbox in
      let words = [
        "run", "-d", "--name", "loop", "--network", "none", "--restart", "always", "--rootfs", sandbox.rootfs,
      ]
      #expect(try sandbox.skiff(words + ["false"]).code == 0)
      // By then it waits for seconds.
      try sandbox.expect("loop", "{{.RestartCount}}", "6")
      for words in [["exec", "loop", "true"], ["pause", "loop"], ["attach", "loop"]] {
        let refused = try sandbox.skiff(words)
        #expect(refused.code == 1 && refused.errors.contains("waits to be started again"), "\(words): \(refused)")
      }
      #expect(try sandbox.skiff(["stop", "loop"]).code == 0)
      #expect(try sandbox.skiff(["inspect", "-f", "{{.State.Cause}}", "loop"]).output == "stop\n")
    }
  }

  @Test func aPausedOneStandsStillAndCanBeEnded() throws {
    try Sandbox.with { sandbox in
      let words = ["run", "-d", "--name", "still", "--network", "none", "--init", "--rootfs", sandbox.rootfs]
      #expect(try sandbox.skiff(words + ["sleep", "1000"]).code == 0)
      #expect(try sandbox.skiff(["pause", "still"]).output == "still\n")
      #expect(try sandbox.skiff(["pause", "still"]).code == 1)
      let shown = try sandbox.skiff(["ps", "--format", "{{.State}} {{.Status}}"]).output
      #expect(shown.hasPrefix("paused Up ") && shown.hasSuffix(" (Paused)\n"), "\(shown)")
      // Who entered it would be frozen with it.
      let refused = try sandbox.skiff(["exec", "still", "true"])
      #expect(refused.code == 1 && refused.errors.contains("container still is paused"), "\(refused)")
      #expect(refused.errors.contains("skiff unpause still"))
      #expect(try sandbox.skiff(["unpause", "still"]).code == 0)
      #expect(try sandbox.skiff(["pause", "still"]).code == 0)
      #expect(try sandbox.skiff(["stop", "-t", "60", "still"]).code == 0)
      #expect(try sandbox.skiff(["inspect", "-f", "{{.State.ExitCode}}", "still"]).output == "143\n")
    }
  }

  /// As commit holds it for as long as it reads.
  @Test func whoPausesWaitsForWhoReads() throws {
    try Sandbox.with { sandbox in
      let words = ["run", "-d", "--name", "still", "--network", "none", "--init", "--rootfs", sandbox.rootfs]
      #expect(try sandbox.skiff(words + ["sleep", "1000"]).code == 0)
      let identifier = try sandbox.skiff(["inspect", "-f", "{{.Id}}", "still"]).output.dropLast()
      let locks = sandbox.run + "/locks/\(identifier)"
      // Paused, and the hint taken away, while the lock of the one who reads is held; then it thaws.
      let line = """
        "$0" pause still >/dev/null; mv \(locks).frozen \(locks).kept
        (flock 9; echo held; sleep 1; mv \(locks).kept \(locks).frozen; echo read; rm \(locks).paused) 9>\(locks).paused & 
        sleep 0.3; "$0" WORD still; wait
        """
      let paused = try sandbox.shell(line.replacing("WORD", with: "pause"))
      #expect(paused.output == "held\nread\n" && paused.errors.contains("paused already"), "\(paused)")
      #expect(try sandbox.skiff(["unpause", "still"]).code == 0)
      let unpaused = try sandbox.shell(line.replacing("WORD", with: "unpause"))
      #expect(unpaused.output == "held\nread\nstill\n", "\(unpaused)")
      // Frozen by nobody that skiff knows.
      let foreign = try sandbox.shell("\"$0\" pause still; rm \(locks).frozen; \"$0\" pause still")
      #expect(foreign.errors.contains("no pause of skiff's made it"), "\(foreign)")
      #expect(try sandbox.skiff(["unpause", "still"]).code == 0)
    }
  }

  @Test func stopSaysWhenNobodyListens() throws {
    try Sandbox.with { sandbox in
      let words = ["run", "-d", "--name", "deaf", "--network", "none", "--init=false", "--rootfs", sandbox.rootfs]
      #expect(try sandbox.skiff(words + ["sleep", "1000"]).code == 0)
      let stopped = try sandbox.skiff(["stop", "-t", "1", "deaf"])
      #expect(stopped.code == 0 && stopped.errors.contains("no handler for SIGTERM"), "\(stopped)")
    }
  }

  /// Each life has a place on the network of its own: the ports come back, and the files in /etc with them.
  @Test func theNetworkComesBackWithIt() throws {
    try Sandbox.with { sandbox in
      let words = [
        "create", "--name", "net", "-p", "127.0.0.1::80", "--add-host", "other:10.0.0.1", "--rootfs", sandbox.rootfs,
      ]
      let created = try sandbox.skiff(words + ["sh", "-c", "cat /etc/hosts; sleep 1000"])
      #expect(created.code == 0, "\(created)")
      #expect(try sandbox.skiff(["port", "net"]).code == 1)
      for _ in 0..<2 {
        let started = try sandbox.skiff(["start", "net"])
        #expect(started.code == 0, "\(started)")
        #expect(try sandbox.skiff(["port", "net"]).output.hasPrefix("80/tcp -> 127.0.0.1:"))
        let address = try sandbox.skiff(["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "net"]).output.dropLast()
        let hosts = try sandbox.skiff(["exec", "net", "cat", "/etc/hosts"]).output
        #expect(!address.isEmpty && hosts.contains("\(address)\t") && hosts.contains("10.0.0.1\tother"), "\(hosts)")
        #expect(try sandbox.skiff(["kill", "net"]).code == 0)
        #expect(try sandbox.skiff(["wait", "net"]).code == 0)
      }
    }
  }
}
