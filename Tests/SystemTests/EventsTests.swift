import Foundation
import JSON
import Kernel
import Testing

/// `skiff events`: what was and what comes, in docker's words.
@Suite(.enabled(if: Sandbox.obstacle == nil, "\(Sandbox.obstacle ?? "")")) struct EventsTests {
  private func past(_ sandbox: Sandbox, _ words: [String] = [], format: String = "{{.Action}}") throws -> String {
    let result = try sandbox.skiff(["events", "--since", "1h", "--until", "0s", "--format", format] + words)
    #expect(result.code == 0, "\(result)")
    return result.output.split(separator: "\n").joined(separator: " ")
  }

  @Test func aLifeIsToldInOrder() throws {
    try Sandbox.with { sandbox in
      let box = ["--network", "none", "--label", "tier=front", "--rootfs", sandbox.rootfs]
      #expect(
        try sandbox.skiff(
          ["run", "-d", "--name", "web"] + box + ["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done"]
        ).code == 0)
      usleep(200_000)
      for words in [
        ["exec", "web", "true"], ["pause", "web"], ["unpause", "web"], ["rename", "web", "shop"],
        ["update", "-m", "64m", "shop"],
        ["stop", "shop"],
      ] {
        #expect(try sandbox.skiff(words).code == 0, "\(words)")
      }
      #expect(try sandbox.skiff(["rm", "shop"]).code == 0)
      #expect(
        try past(sandbox)
          == "create start exec_create: true exec_start: true exec_die pause unpause rename update kill die stop destroy"
      )
      let died = try past(
        sandbox, ["-f", "event=die"],
        format: "{{.Actor.Attributes.exitCode}} {{.Actor.Attributes.name}} {{.Actor.Attributes.tier}}")
      #expect(died == "7 shop front")
      let executed = try past(
        sandbox, ["-f", "event=exec_create", "-f", "event=exec_start", "-f", "event=exec_die"],
        format: "{{.Actor.Attributes.execID}} {{.Actor.Attributes.exitCode}}"
      ).split(separator: " ")
      #expect(Set(executed.filter { $0.count == 64 }).count == 1 && executed.last == "0", "\(executed)")
      #expect(try past(sandbox, ["-f", "event=rename"], format: "{{.Actor.Attributes.oldName}}") == "/web")
      #expect(
        try past(sandbox, ["-f", "event=kill"], format: "{{.Actor.Attributes.signal}} {{.Type}} {{.Status}}")
          == "15 container kill")
      #expect(try past(sandbox, ["-f", "label=tier=back"]) == "")
      #expect(try past(sandbox, ["-f", "container=shop", "-f", "event=stop", "-f", "event=destroy"]) == "stop destroy")
      #expect(try past(sandbox, ["-f", "type=image"]) == "")
    }
  }

  @Test func runWithRmTellsItsEnd() throws {
    try Sandbox.with { sandbox in
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "--rootfs", sandbox.rootfs, "false"]).code == 1)
      #expect(try past(sandbox) == "create attach start die destroy")
      let line = try sandbox.skiff(["events", "--until", "0s", "-f", "event=die"]).output
      #expect(line.contains("Z container die ") && line.contains("exitCode=1"), "\(line)")
      let json = try JSONValue(
        parsing: Array(
          try sandbox.skiff(["system", "events", "--until", "0s", "-f", "event=start", "--format", "json"]).output.utf8)
      )
      #expect(
        json["Type"]?.string == "container" && json["status"]?.string == "start" && json["scope"]?.string == "local")
      #expect(
        json["id"]?.string == json["Actor"]?["ID"]?.string
          && (json["timeNano"]?.integer ?? 0) > 1_700_000_000_000_000_000)
    }
  }

  @Test func whatComesIsShownAtOnce() throws {
    try Sandbox.with { sandbox in
      // Until it listens, what happens is past to it.
      let line = """
        "$0" events --filter event=die --format "{{.Action}}" >"$SKIFF_STATE/live" & live=$!
        for call in $(seq 100); do
          "$0" run --rm --network none --rootfs \(sandbox.rootfs) true
          [ ! -s "$SKIFF_STATE/live" ] || break
          sleep 0.1
        done
        kill -9 $live; head -n 1 "$SKIFF_STATE/live"
        """
      let live = try sandbox.shell("mkdir -p $SKIFF_STATE; " + line)
      #expect(live.output == "die\n", "\(live)")
    }
  }

  @Test func whatHappensToFilesAndVolumesIsTold() throws {
    try Sandbox.with { sandbox in
      let box = ["--network", "none", "--rootfs", sandbox.rootfs]
      let calls = [
        ["create", "--name", "box", "-v", "kept:/data"] + box + ["true"],
        ["cp", "/etc/hostname", "box:/data/name"], ["cp", "box:/data/name", sandbox.folder.path + "/name"],
        ["start", "-a", "box"], ["rm", "box"], ["volume", "prune", "-af"], ["container", "prune", "-f"],
      ]
      for words in calls { #expect(try sandbox.skiff(words).code == 0, "\(words)") }
      let told = try past(sandbox, format: "{{.Type}} {{.Action}}").replacingOccurrences(of: "container ", with: "")
      #expect(
        told
          == "volume create create extract-to-dir archive-path attach volume mount start die volume unmount destroy "
          + "volume destroy volume prune prune")
      #expect(
        try past(sandbox, ["-f", "event=archive-path"], format: "{{.Actor.Attributes.path}}") == "/data/name")
      #expect(
        try past(sandbox, ["-f", "event=mount"], format: "{{.Actor.ID}} {{.Actor.Attributes.destination}}")
          == "kept /data")
    }
  }

  @Test func imagesAreToldOf() throws {
    try withHandMadeImage { sandbox in
      let archive = sandbox.folder.path + "/hand.tar"
      for words in [
        ["save", "-o", archive, "hand:made"], ["load", "-i", archive], ["tag", "hand:made", "hand:other"],
        ["rmi", "hand:other"],
      ] {
        #expect(try sandbox.skiff(words).code == 0, "\(words)")
      }
      #expect(try past(sandbox, ["-f", "type=image"]) == "save load tag untag")
      let identifier = try sandbox.skiff(["images", "--no-trunc", "-q", "hand:made"]).output.dropLast()
      let loaded = try past(
        sandbox, ["-f", "event=load"], format: "{{.Actor.ID}} {{.Actor.Attributes.name}} {{.ID}} {{.Status}}")
      #expect(loaded == "\(identifier) hand:made \(identifier) load")
    }
  }

  @Test func aTerminalIsToldOf() throws {
    try Sandbox.with { sandbox in
      let said = try sandbox.shell(
        """
        "$0" run -dit --name box --network none --rootfs \(sandbox.rootfs) sh >/dev/null
        printf '\\020\\021' >"$SKIFF_STATE/keys"
        # Keys that come before the terminal is made raw are the line discipline's: they are pressed until they work.
        press() { while sleep 0.5; do cat "$SKIFF_STATE/keys" || break; done; }
        press | script -qec "stty rows 20 cols 70; $0 attach box" /dev/null >/dev/null
        press | script -qec "$0 exec -it box sh" /dev/null >/dev/null
        "$0" rm -f box >/dev/null
        """)
      #expect(said.code == 0, "\(said)")
      try awaitEnds(1, sandbox)
      // Who waits for the program and who waits for the container write it down at the same time.
      let told = try past(sandbox).split(separator: " ").filter { $0 != "exec_die" }.joined(separator: " ")
      #expect(told == "create start attach resize detach exec_create: sh exec_start: sh exec_detach kill die destroy")
      #expect(
        try past(sandbox, ["-f", "event=resize"], format: "{{.Actor.Attributes.height}} {{.Actor.Attributes.width}}")
          == "20 70")
    }
  }

  /// Until so many ends of programs are told.
  private func awaitEnds(_ count: Int, _ sandbox: Sandbox) throws {
    for _ in 0..<100 {
      if try past(sandbox, ["-f", "event=exec_die"]).split(separator: " ").count >= count { return }
      usleep(100_000)
    }
    Issue.record("there are no \(count) ends of programs")
  }

  @Test func whatNobodyWaitsForIsToldOfToo() throws {
    try Sandbox.with { sandbox in
      let box = [
        "run", "-d", "--name", "box", "--label", "tier=front", "--network", "none", "--rootfs", sandbox.rootfs,
      ]
      #expect(try sandbox.skiff(box + ["sh", "-c", "exec sleep 1000"]).code == 0)
      for (count, words) in [["-d", "box", "sh", "-c", "exit 7"], ["-dt", "box", "sh", "-c", "exit 8"]].enumerated() {
        let started = try sandbox.skiff(["exec"] + words)
        #expect(started.code == 0 && started.output == "", "\(started)")
        // Two that run beside each other end as they like.
        try awaitEnds(count + 1, sandbox)
      }
      // What says more than a terminal takes has a reader.
      #expect(try sandbox.skiff(["exec", "-dt", "box", "sh", "-c", "seq 100000; exit 9"]).code == 0)
      try awaitEnds(3, sandbox)
      let ends = try past(
        sandbox, ["-f", "event=exec_die"],
        format: "{{.Actor.Attributes.exitCode}}/{{.Actor.Attributes.name}}/{{.Actor.Attributes.tier}}")
      #expect(ends == "7/box/front 8/box/front 9/box/front")
      #expect(
        try past(sandbox, ["-f", "event=exec_die"], format: "{{.Actor.Attributes.execID}}")
          == past(sandbox, ["-f", "event=exec_start"], format: "{{.Actor.Attributes.execID}}"))
      // What cannot be started is said by the command, and has no end.
      #expect(try sandbox.skiff(["exec", "-d", "box", "nothing"]).code == 127)

      let release = environment("SKIFF_RELEASE")
      let long = try sandbox.start(["exec", "-d", "box", "sleep", "1000"], program: release ?? Sandbox.skiff).finish()
      #expect(long.code == 0, "\(long)")
      let keeper = #"pgrep -f "^skiff-monitor --exec [0-9a-f]* $SKIFF_ROOT ""#
      let waiting = try sandbox.shell(
        "p=$(\(keeper)) && cat /proc/$p/comm && sleep 0.5 && awk '/^Anonymous/ {print $2}' /proc/$p/smaps_rollup")
      let lines = waiting.output.split(separator: "\n").map(String.init)
      #expect(lines.first == "skiff-exec" && lines.count == 2, "\(waiting)")
      // A debug build's libraries alone take more.
      if release != nil { #expect((Int(lines.last ?? "") ?? .max) <= 200, "\(waiting)") }
      #expect(try sandbox.skiff(["rm", "-f", "box"]).code == 0)
      try awaitEnds(4, sandbox)
      #expect(
        try past(sandbox, ["-f", "event=exec_die"], format: "{{.Actor.Attributes.exitCode}}").hasSuffix(" 137"))
      let left = try sandbox.shell("for try in $(seq 50); do \(keeper) >/dev/null || break; sleep 0.1; done; \(keeper)")
      #expect(left.output == "", "\(left)")
    }
  }

  @Test func whatIsNoFilterIsRefused() throws {
    try Sandbox.with { sandbox in
      for (filter, word) in [("color=red", "no such filter"), ("type=daemon", "types of events"), ("x", "NAME=VALUE")] {
        let refused = try sandbox.skiff(["events", "--until", "0s", "-f", filter])
        #expect(refused.code != 0 && refused.errors.contains(word), "\(refused)")
      }
    }
  }

  /// Each life ends once, the last one too, though nobody starts the container again then.
  @Test func everyLifeEndsOnce() throws {
    try Sandbox.with { sandbox in
      let words = [
        "run", "-d", "--name", "loop", "--network", "none", "--restart", "always", "--rootfs", sandbox.rootfs,
      ]
      #expect(try sandbox.skiff(words + ["false"]).code == 0)
      try sandbox.expect("loop", "{{.RestartCount}}", "3")
      #expect(try sandbox.skiff(["stop", "loop"]).code == 0)
      let told = try past(sandbox).split(separator: " ")
      #expect(told.count { $0 == "start" } == told.count { $0 == "die" }, "\(told)")
    }
  }

  @Test func volumesAndNetworksAreToldOf() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let calls = [
      ["volume", "create", "kept"], ["volume", "rm", "kept"], ["network", "create", "told-of"],
      ["network", "rm", "told-of"],
    ]
    for words in calls { #expect(try sandbox.skiff(words).code == 0, "\(words)") }
    let told = try sandbox.skiff([
      "events", "--since", "10m", "--until", "0s", "--format", "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}",
    ])
    let lines = told.output.split(separator: "\n").map { $0.replacingOccurrences(of: "<no value>", with: "") }
    #expect(
      lines.map { $0.trimmingCharacters(in: .whitespaces) } == [
        "volume create", "volume destroy", "network create told-of", "network destroy told-of",
      ], "\(told)")
  }
}
