import Foundation
import Testing

/// What podman has beyond docker: secrets, time zones, masks, and containers that end in time.
@Suite(.enabled(if: FlagBench.obstacle == nil, Comment(rawValue: FlagBench.obstacle ?? "")))
struct ProcessFlagsTests {
  @Test func secrets() throws {
    try FlagBench.with { bench in
      let file = bench.sandbox.folder.path + "/password"
      try Data("hunter2".utf8).write(to: URL(filePath: file))
      try bench.start(
        "keeper", "--secret", "src=\(file)", "--secret", "id=own,src=\(file),target=/etc/own,uid=1000,mode=0440",
        "--secret", "type=env,id=WORD,src=\(file)",
        line: "ls -ln /etc/own /run/secrets/password; cat /run/secrets/password; echo; echo $WORD; exec sleep 1000")
      let said = try bench.sandbox.shell(
        #"for try in $(seq 50); do "$0" logs keeper | grep -q 'hunter2$' && break; sleep 0.1; done; "$0" logs keeper"#)
      let lines = said.output.split(separator: "\n")
      try #require(lines.count == 4, "\(said)")
      #expect(lines[1].hasPrefix("-r--------    1 0        0 "))
      #expect(lines[0].hasPrefix("-r--r-----    1 1000     0 "))
      #expect(lines[2] == "hunter2" && lines[3] == "hunter2")
      // Nobody who looks at the container is told.
      let shown = try bench.sandbox.skiff(["inspect", "keeper"]).output
      #expect(!shown.contains("hunter2") && shown.contains(#""Target": "/run/secrets/password""#))
      let explained = try bench.run("--dry-run", "--explain=shell", "--secret", "src=\(file)")
      #expect(explained.output.contains("install -m 0400 ") && !explained.output.contains("hunter2"))
      let kept = try bench.sandbox.shell("grep -rl hunter2 \(bench.sandbox.state)")
      // The log is the container's own doing.
      #expect(kept.output.split(separator: "\n").allSatisfy { $0.hasSuffix("/log.json") }, "\(kept)")
      #expect(try bench.run("--secret", "src=/none").errors.contains("the secret none is not there"))
      #expect(try bench.run("--secret", "password").errors.contains("src=FILE"))
    }
  }

  /// In /run alone, while the container runs, and nowhere afterwards.
  @Test func secretsAreOnNoDisk() throws {
    try FlagBench.with { bench in
      let sandbox = bench.sandbox
      let file = sandbox.folder.path + "/password"
      try Data("hunter2".utf8).write(to: URL(filePath: file))
      let places = "grep -rlE 'hunter2' \(sandbox.state) \(sandbox.run) | sed 's|/secrets/[0-9a-f]*/|/secrets/ID/|'"
      let words = ["--network", "none", "--secret", "src=\(file)", "--secret", "type=env,id=WORD,src=\(file)"]
      let root = ["--rootfs", sandbox.rootfs, "sh", "-c"]
      let started = try sandbox.skiff(["run", "-d", "--rm", "--name", "once"] + words + root + ["exec sleep 1000"])
      #expect(started.code == 0, "\(started)")
      let there = try sandbox.shell(places)
      #expect(
        there.output.split(separator: "\n").map(String.init).sorted()
          == ["0", "1"].map { "\(sandbox.run)/secrets/ID/\($0)" }, "\(there)")
      let seen = try sandbox.skiff(["exec", "once", "cat", "/run/secrets/password"])
      #expect(seen.output == "hunter2", "\(seen)")
      #expect(try sandbox.skiff(["rm", "-f", "once"]).code == 0)
      #expect(try sandbox.shell(places).output == "")
      let made = try sandbox.skiff(
        ["create", "--rm", "--name", "later"] + words + root + ["cat /run/secrets/password; echo $WORD"])
      #expect(made.code == 0, "\(made)")
      #expect(try sandbox.skiff(["start", "-a", "later"]).output == "hunter2hunter2\n")
      #expect(try sandbox.shell(places).output == "")
    }
  }

  /// Each start reads the file that holds it; without one there is no start, but for a life that a restart policy gives.
  @Test func secretsAreReadAtEachStart() throws {
    try FlagBench.with { bench in
      let sandbox = bench.sandbox
      let file = sandbox.folder.path + "/password"
      let say = "cat /run/secrets/password; echo $WORD"
      let made = try sandbox.skiff(
        [
          "create", "--name", "box", "--network", "none", "--secret", "src=\(file)", "--secret",
          "type=env,id=WORD,src=\(file)",
        ]
          + ["--rootfs", sandbox.rootfs, "sh", "-c", say])
      #expect(made.code != 0 && made.errors.contains("the secret password is not there"), "\(made)")
      let said = try sandbox.shell(
        """
        printf old >\(file)
        "$0" create --name box --network none --secret src=\(file),mode=0440,gid=7 --secret type=env,id=WORD,src=\(file) \
          --rootfs \(sandbox.rootfs) sh -c '\(say); ls -ln /run/secrets' >/dev/null
        "$0" start -a box
        printf new >\(file); "$0" start -a box | head -1
        rm \(file); "$0" start -a box; echo $?
        ls "$SKIFF_STATE/secrets"; "$0" inspect -f '{{.State.Status}} {{.State.ExitCode}}' box
        printf mend >\(file); "$0" start -a box | head -1
        """)
      let lines = said.output.split(separator: "\n").map(String.init)
      #expect(
        lines.first == "oldold" && lines.dropFirst(2).first?.hasPrefix("-r--r-----    1 0        7 ") == true, "\(said)"
      )
      #expect(lines.dropFirst(3) == ["newnew", "1", "exited 0", "mendmend"], "\(said)")
      #expect(said.errors.contains("the secret password is not there: \(file)"), "\(said)")
      let lives = try sandbox.shell(
        """
        printf first >\(file)
        "$0" run -d --name again --restart always --network none --secret src=\(file) --rootfs \(sandbox.rootfs) \
          sh -c 'cat /run/secrets/password; echo; sleep 0.4' >/dev/null
        until "$0" logs again | grep -q first; do sleep 0.05; done; printf second >\(file)
        until "$0" logs again | grep -q second; do sleep 0.05; done; rm \(file)
        n=$("$0" logs again | wc -l); until [ $("$0" logs again | wc -l) -gt $((n + 1)) ]; do sleep 0.05; done
        "$0" logs again | tail -1; "$0" rm -f again >/dev/null; ls "$SKIFF_STATE/secrets"
        """)
      #expect(lives.output == "second\n", "\(lives)")
    }
  }

  /// The ids of its owner are the container's, in a user namespace too, and without idmapped mounts of a tmpfs.
  @Test func secretsInAUserNamespace() throws {
    try FlagBench.with { bench in
      let file = bench.sandbox.folder.path + "/password"
      try Data("hunter2".utf8).write(to: URL(filePath: file))
      let said = try bench.run(
        "--userns", "auto", "--secret", "src=\(file)", "--secret", "id=own,src=\(file),uid=1000,gid=7",
        line: "ls -ln /run/secrets; cat /run/secrets/password")
      let lines = said.output.split(separator: "\n")
      #expect(lines.contains { $0.hasPrefix("-r--------    1 1000     7 ") }, "\(said)")
      #expect(lines.contains { $0.hasPrefix("-r--------    1 0        0 ") } && lines.last == "hunter2", "\(said)")
    }
  }

  @Test func variablesThatAreLeftOut() throws {
    try FlagBench.with { bench in
      let some = try bench.run(
        "--unsetenv", "HOSTNAME", "-e", "A=1", line: "grep -c HOSTNAME= /proc/$$/environ; echo $A")
      #expect(some.output == "0\n1\n", "\(some)")
      let all = try bench.run("--unsetenv-all", "-e", "A=1", line: "cat /proc/$$/environ; true")
      // Whoever has none is given a home directory by his own name's entry.
      #expect(all.output == "A=1\0HOME=/root\0", "\(all)")
    }
  }

  /// podman's: the image's, then what is made of them, then the caller's, then -e.
  @Test func variablesOfTheCallerAndOfTheImage() throws {
    try FlagBench.with { bench in
      let merged = try bench.run(
        "--env-merge", "PATH=${PATH}:/opt/bin", "--env-merge", "A=$PATH-${NONE:-none}-${PATH:+some}",
        "--env-merge", #"B='$PATH'"\$"x"#, "--env-merge", "C=made", "-e", "C=given",
        line: "echo $PATH; echo $A; echo $B $C")
      let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin"
      #expect(merged.output == "\(path)\n\(path)-none-some\n$PATH$x given\n", "\(merged)")
      let host = try bench.sandbox.shell(
        #"FROM_HERE=yes ONE=here "$0" run --rm --network none --rootfs "#
          + "\(bench.sandbox.rootfs) --env-host -e ONE=given sh -c 'echo $FROM_HERE $ONE'")
      #expect(host.output == "yes given\n", "\(host)")
      for (word, reason) in [
        ("A", "NAME=VALUE"), ("A=${B", "not closed"), ("A=${B:?x}", "there are"), ("A='x", "not closed"),
      ] {
        let refused = try bench.run("--env-merge", word)
        #expect(refused.code == 125 && refused.errors.contains(reason), "\(refused)")
      }
    }
  }

  @Test func masks() throws {
    try FlagBench.with { bench in
      let made = try bench.run("--umask", "0077", line: "touch /made; stat -c %a /made")
      #expect(made.output == "600\n", "\(made)")
      try bench.start("masked", "--umask", "0027")
      let second = try bench.sandbox.skiff(["exec", "-u", "0", "masked", "sh", "-c", "touch /m; stat -c %a /m"])
      #expect(second.output == "640\n", "\(second)")
      #expect(try bench.inspect("masked", "{{.Config.Umask}}") == "027")
      #expect(try bench.run("--umask", "99").errors.contains("expected octal digits"))
    }
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/share/zoneinfo/Asia/Tokyo"), "no tzdata"))
  func timeZones() throws {
    try FlagBench.with { bench in
      let zone = try bench.run("--tz", "Asia/Tokyo", line: "cat /etc/localtime | head -c 4; stat -c %a /etc/localtime")
      #expect(zone.output == "TZif644\n", "\(zone)")
      let same = try bench.sandbox.shell(
        #""$0" run --rm --network none --tz Asia/Tokyo --rootfs \#(bench.sandbox.rootfs) cat /etc/localtime "#
          + "| cmp - /usr/share/zoneinfo/Asia/Tokyo && echo same")
      #expect(same.output == "same\n", "\(same)")
      #expect(try bench.run("--tz", "Mars/Olympus").errors.contains("no such time zone on this host"))
      #expect(try bench.run("--tz", "../../etc/shadow").errors.contains("expected a time zone"))
    }
  }

  @Test func itsTimeIsOver() throws {
    try FlagBench.with { bench in
      let begin = Date()
      let ended = try bench.run("--timeout", "1", line: "sleep 1000")
      #expect(ended.code == 137, "\(ended)")
      #expect(Date().timeIntervalSince(begin) < 60)
      try bench.start("long", "--timeout", "600")
      #expect(try bench.inspect("long", "{{.Config.Timeout}} {{.State.Status}}") == "600 running")
    }
  }

  @Test func oneInThePlaceOfAnother() throws {
    try FlagBench.with { bench in
      try bench.start("same", "-l", "n=1")
      let first = try bench.inspect("same", "{{.Id}}")
      try bench.start("same", "--replace", "-l", "n=2")
      #expect(try bench.inspect("same", "{{.Config.Labels.n}}") == "2")
      #expect(try bench.sandbox.skiff(["inspect", first]).code != 0)
      try bench.start("fresh", "--replace")
      // What cannot be, takes no other's place.
      let id = try bench.inspect("same", "{{.Id}}")
      for words in [
        ["--cap-add", "NONE_SUCH"], ["-v", "/none/such:/x"], ["--network", "none-such"], ["-u", "nobody-here"],
      ] {
        let refused = try bench.sandbox.skiff(
          ["run", "--replace", "--name", "same"] + words
            + ["--rootfs", bench.sandbox.rootfs, "true"])
        #expect(refused.code == 125, "\(refused)")
      }
      #expect(try bench.inspect("same", "{{.Id}} {{.State.Running}}") == "\(id) true")
      #expect(try bench.run("--replace").errors.contains("--replace needs --name"))
    }
  }

  @Test func detailsOfLogs() throws {
    try FlagBench.with { bench in
      try bench.start(
        "told", "-l", "role=a b", "-e", "WORD=x,y", "--log-opt", "labels=role,none", "--log-opt", "env=WORD",
        line: "echo said")
      #expect(try bench.sandbox.skiff(["wait", "told"]).output == "0\n")
      #expect(try bench.sandbox.skiff(["logs", "--details", "told"]).output == "WORD=x%2Cy,role=a+b said\n")
      #expect(try bench.sandbox.skiff(["logs", "told"]).output == "said\n")
    }
  }

  @Test func thePolicyOfWhatRuns() throws {
    try FlagBench.with { bench in
      try bench.start("lasting")
      #expect(try bench.sandbox.skiff(["update", "--restart", "on-failure:3", "lasting"]).output == "lasting\n")
      #expect(
        try bench.inspect(
          "lasting", "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}")
          == "on-failure 3")
      try bench.start("passing", "--rm")
      let refused = try bench.sandbox.skiff(["update", "--restart", "always", "passing"])
      #expect(refused.code == 1 && refused.errors.contains("it was started with --rm"), "\(refused)")
    }
  }
}
