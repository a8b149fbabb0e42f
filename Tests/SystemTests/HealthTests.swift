import Foundation
import JSON
import Kernel
import Testing

/// Health checks, what they do, and how `why` tells of an end.
@Suite(.enabled(if: Sandbox.obstacle == nil, "\(Sandbox.obstacle ?? "")")) struct HealthTests {
  private func run(_ sandbox: Sandbox, _ options: [String], _ script: String) throws {
    let words = ["run", "-d", "--name", "checked", "--network", "none", "--health-interval", "100ms"] + options
    let started = try sandbox.skiff(words + ["--rootfs", sandbox.rootfs, "sh", "-c", script])
    #expect(started.code == 0, "\(started)")
  }

  @Test func whatTheChecksShow() throws {
    try Sandbox.with { sandbox in
      try run(
        sandbox, ["--health-cmd", "cat /state; read word </state; test $word = fine", "--health-retries", "2"],
        "echo fine >/state; sleep 1000")
      try sandbox.expect("checked", "{{.State.Health.Status}}", "healthy")
      #expect(try sandbox.skiff(["ps", "--format", "{{.Status}}"]).output.hasSuffix("(healthy)\n"))
      let log = try sandbox.skiff(["inspect", "-f", "{{json .State.Health.Log}}", "checked"]).output
      let last = try JSONValue(parsing: Array(log.utf8)).array?.last
      #expect(last?["Output"]?.string == "fine\n" && last?["ExitCode"]?.integer == 0, "\(log)")
      #expect(try sandbox.skiff(["exec", "checked", "sh", "-c", "echo bad >/state"]).code == 0)
      try sandbox.expect("checked", "{{.State.Health.Status}}", "unhealthy")
      // Nobody asked for more than to be told.
      #expect(try sandbox.skiff(["inspect", "-f", "{{.State.Status}}", "checked"]).output == "running\n")
      #expect(try sandbox.skiff(["why", "checked"]).output.contains("its health: unhealthy"))
    }
  }

  /// A probe would be frozen with it, and be called ill for that.
  @Test func whatIsPausedIsNotChecked() throws {
    try Sandbox.with { sandbox in
      try run(
        sandbox, ["--health-cmd", "true", "--health-timeout", "200ms", "--health-retries", "1"], "sleep 1000")
      try sandbox.expect("checked", "{{.State.Health.Status}}", "healthy")
      #expect(try sandbox.skiff(["pause", "checked"]).code == 0)
      // As long as several checks would take to fail.
      usleep(1_500_000)
      #expect(try sandbox.skiff(["inspect", "-f", "{{.State.Health.Status}}", "checked"]).output == "healthy\n")
      #expect(try sandbox.skiff(["unpause", "checked"]).code == 0)
      #expect(try sandbox.skiff(["exec", "checked", "true"]).code == 0)
    }
  }

  @Test func aCheckThatTakesTooLongHasFailed() throws {
    try Sandbox.with { sandbox in
      let options = ["--health-cmd", "echo here; sleep 1000", "--health-timeout", "200ms", "--health-retries", "1"]
      try run(sandbox, options + ["--on-unhealthy", "stop"], "sleep 1000")
      try sandbox.expect("checked", "{{.State.Status}}", "exited")
      let told = try sandbox.skiff(["why", "checked"]).output
      #expect(told.contains("was unhealthy, so it was stopped") && told.contains("timeout of 200 ms: here"), "\(told)")
    }
  }

  @Test func anUnhealthyOneIsStartedAgain() throws {
    try Sandbox.with { sandbox in
      // Its second life finds what the first has left.
      let script = "test -e /second && touch /ok; touch /second; sleep 1000"
      let options = ["--health-cmd", "test -e /ok", "--health-retries", "2", "--on-unhealthy", "restart"]
      try run(sandbox, options, script)
      try sandbox.expect("checked", "{{.RestartCount}} {{.State.Health.Status}}", "1 healthy")
    }
  }

  @Test func nonsenseIsRefused() throws {
    try Sandbox.with { sandbox in
      for options in [
        ["--health-interval", "1ns"], ["--health-cmd", "true", "--no-healthcheck"], ["--health-retries", "3"],
        ["--health-cmd", "true", "--on-unhealthy", "cry"],
      ] {
        let refused = try sandbox.skiff(["run", "--rm"] + options + ["--rootfs", sandbox.rootfs, "true"])
        #expect(refused.code == 125 && refused.errors.contains("health"), "\(refused)")
      }
      let long = try sandbox.skiff(["run", "--health-timeout", "9999999999h", "--rootfs", sandbox.rootfs, "true"])
      #expect(long.code == 125 && long.errors.contains("longer than 292 years"), "\(long)")
    }
  }

  @Test(arguments: [
    (["sh", "-c", "exit 3"], ["--init=false"], "ended by itself, exit code 3"),
    (
      ["sh", "-c", "kill -SEGV $$"], [],
      "exit code 139\n  an init or a shell says so of a program that was killed by SIGSEGV"
    ),
    (["sleep", "1000"], ["--timeout-of-the-test"], "was killed by skiff kill, exit code 137"),
  ])
  func whyTellsHowItEnded(command: [String], options: [String], words: String) throws {
    try Sandbox.with { sandbox in
      let isKilled = options == ["--timeout-of-the-test"]
      let start = ["run", "-d", "--name", "checked", "--network", "none"] + (isKilled ? [] : options)
      #expect(try sandbox.skiff(start + ["--rootfs", sandbox.rootfs] + command).code == 0)
      if isKilled { #expect(try sandbox.skiff(["kill", "checked"]).code == 0) }
      _ = try sandbox.skiff(["wait", "checked"])
      let told = try sandbox.skiff(["why", "checked"])
      #expect(told.code == 0 && told.output.contains(words), "\(told)")
    }
  }

  @Test func whyNamesASupervisorThatIsStopped() throws {
    try Sandbox.with { sandbox in
      let said = try sandbox.shell(
        #"""
        "$0" run -d --name still --network none --rootfs "\#(sandbox.rootfs)" sleep 1000 >/dev/null
        monitor=$(pgrep -f "^skiff-monitor $("$0" inspect -f '{{.Id}}' still) $SKIFF_ROOT")
        kill -STOP $monitor; "$0" kill still; sleep 0.5
        "$0" why still | sed "s/$monitor/PID/g"
        kill -CONT $monitor; "$0" wait still
        """#)
      #expect(
        said.output == """
          still
          still has ended, and its supervisor has not noted that yet
            its supervisor, process PID, is stopped: kill -CONT PID lets it go on
          137

          """, "\(said)")
    }
  }

  /// An init of ours stands above what is none, and never above what is one.
  @Test func whoGetsAnInit() throws {
    try Sandbox.with { sandbox in
      let run = ["run", "--rm", "--network", "none", "--rootfs", sandbox.rootfs]
      #expect(try sandbox.skiff(run + ["sh", "-c", "echo $$"]).output == "2\n")
      let own = sandbox.rootfs + "/bin/tini"
      try copyBusybox(to: own)
      let off = ["run", "--rm", "--init=false"] + run.dropFirst(2)
      #expect(try sandbox.skiff(off + ["sh", "-c", "echo $$"]).output == "1\n")
      try FileManager.default.removeItem(atPath: own)
      try Data("#!/bin/sh\necho $$\n".utf8).write(to: URL(filePath: own))
      chmod(own, 0o755)
      #expect(try sandbox.skiff(run + ["tini"]).output == "1\n")
    }
  }
}
