import Foundation
import JSON
import Kernel
import Testing

/// What people see of containers: lists, formats, filters, processes, names.
@Suite(.enabled(if: Sandbox.obstacle == nil, "\(Sandbox.obstacle ?? "")")) struct ShowTests {
  private func run(_ sandbox: Sandbox, _ name: String, _ more: [String] = [], _ command: [String]) throws -> String {
    let words = ["run", "-d", "--name", name, "--network", "none"] + more + ["--rootfs", sandbox.rootfs] + command
    let result = try sandbox.skiff(words)
    #expect(result.code == 0, "\(result)")
    return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// From a certain number on a list is read from what the last one has kept.
  @Test func psOfManySeesEachChange() throws {
    try Sandbox.with { sandbox in
      let kept = sandbox.run + "/list"
      for index in 0..<40 {
        let words = ["create", "--name", "c-\(index)", "--network", "none", "--rootfs", sandbox.rootfs, "sleep", "100"]
        #expect(try sandbox.skiff(words).code == 0)
      }
      func names(_ more: String...) throws -> Set<Substring> {
        Set(try sandbox.skiff(["ps", "--format", "{{.Names}} {{.State}}"] + more).output.split(separator: "\n"))
      }
      func all() throws -> Set<Substring> { try names("-a") }
      usleep(60_000)
      let first = try all()
      #expect(first.count == 40 && first.contains("c-7 created"))
      #expect(exists(Path(kept)))
      #expect(try all() == first)
      #expect(try sandbox.skiff(["rename", "c-7", "seven"]).code == 0)
      #expect(try all() == first.subtracting(["c-7 created"]).union(["seven created"]))
      #expect(try sandbox.skiff(["start", "c-8"]).code == 0)
      #expect(try names() == ["c-8 running"])
      #expect(try all().contains("c-8 running"))
      #expect(try sandbox.skiff(["pause", "c-8"]).code == 0)
      #expect(try names() == ["c-8 paused"])
      #expect(try sandbox.skiff(["rm", "-f", "c-8", "c-9"]).code == 0)
      let last = try all()
      #expect(last.count == 38 && !last.contains { $0.hasPrefix("c-8 ") || $0.hasPrefix("c-9 ") })
      let bytes = try readFile(Path(kept), limit: 1 << 20)
      for damage in [[], Array(bytes.prefix(bytes.count / 2)), bytes.map { $0 &+ 1 }] {
        try replaceFile(Path(kept), with: damage, durable: false)
        #expect(try all() == last)
      }
    }
  }

  @Test func psHasDockersFieldsFormatsAndFilters() throws {
    try Sandbox.with { sandbox in
      let first = try run(sandbox, "web-1", ["--label", "tier=front", "--label", "x=1"], ["sleep", "100"])
      _ = try run(sandbox, "db", ["--label", "tier=back", "-v", "/tmp:/data"], ["sleep", "100"])
      _ = try run(sandbox, "gone", [], ["sh", "-c", "exit 3"])
      #expect(try sandbox.skiff(["wait", "gone"]).output == "3\n")
      func ps(_ words: String...) throws -> String { try sandbox.skiff(["ps", "-a"] + words).output }
      let line = try #require(try ps("--format", "json", "-f", "name=web", "--no-trunc").split(separator: "\n").first)
      let json = try JSONValue(parsing: Array(line.utf8))
      #expect(
        json.object?.keys == [
          "Command", "CreatedAt", "ID", "Image", "Labels", "LocalVolumes", "Mounts", "Names", "Networks", "Ports",
          "RunningFor", "Size", "State", "Status",
        ])
      #expect(json["ID"]?.string == first && json["Labels"]?.string == "tier=front,x=1")
      let table = try ps("--format", "table {{.Names}}\t{{upper .State}}\t{{.Label \"tier\"}}", "-f", "name=web")
      #expect(table == "NAMES     STATE     tier\nweb-1     RUNNING   front\n")
      #expect(
        try ps("--format", #"{{range $i, $l := split .Labels ","}}{{if $i}}+{{end}}{{$l}}{{end}}"#, "-f", "id=\(first)")
          == "tier=front+x=1\n")
      let filters: [([String], String)] = [
        (["name=^web-[0-9]$"], "web-1"), (["name=^/db$"], "db"), (["name=d|n"], "db gone"),
        (["name=web", "name=db"], "db web-1"),
        (["label=tier"], "db web-1"), (["label=tier=back"], "db"), (["label=tier=front", "label=x=1"], "web-1"),
        (["label=tier=front", "label=x=2"], ""), (["exited=3"], "gone"), (["status=running"], "db web-1"),
        (["status=exited", "status=created"], "gone"), (["before=db"], "web-1"), (["since=db"], "gone"),
        (["volume=/data"], "db"), (["volume=/tmp"], "db"), (["network=none"], "db gone web-1"),
        (["health=none", "name=db"], "db"),
        (["publish=80"], ""), (["expose=8000-9000/udp"], ""), (["id=\(first.prefix(5))"], "web-1"),
      ]
      for (filter, expected) in filters {
        let words = filter.flatMap { ["-f", $0] }
        let found = try sandbox.skiff(["ps", "-a", "--format", "{{.Names}}"] + words).output
        #expect(found.split(separator: "\n").sorted().joined(separator: " ") == expected, "\(filter)")
      }
      for (filter, word) in [
        ("is-task=true", "swarm"), ("stauts=running", "did you mean status?"), ("status=asleep", "restarting"),
        ("name=(", "regular expression"), ("publish=x", "port"), ("since=nobody", "no such container"),
      ] {
        let refused = try sandbox.skiff(["ps", "-f", filter])
        #expect(refused.code != 0 && refused.errors.contains(word), "\(filter): \(refused)")
      }
      let wrong = try sandbox.skiff(["ps", "--format", "{{.Nmaes}}"])
      #expect(
        wrong.code == 1 && wrong.errors.contains("1:3: there is no field \".Nmaes\"")
          && wrong.errors.contains("did you mean .Names?"), "\(wrong)")
    }
  }

  @Test func inspectHasDockersShape() throws {
    try Sandbox.with { sandbox in
      _ = try run(
        sandbox, "web", ["-m", "64m", "--label", "a=b", "-v", "/tmp:/data:ro", "--read-only"], ["sleep", "100"])
      func inspect(_ format: String) throws -> String { try sandbox.skiff(["inspect", "-f", format, "web"]).output }
      let json = try JSONValue(parsing: Array(try inspect("json").utf8))
      for path in [
        "Id", "Created", "Path", "Args", "State.Status", "State.Running", "State.Paused", "State.Dead", "State.Pid",
        "Image", "ResolvConfPath", "LogPath", "Name", "RestartCount", "Driver", "Platform", "ExecIDs",
        "HostConfig.Binds", "HostConfig.NetworkMode", "HostConfig.RestartPolicy.Name", "HostConfig.CapAdd",
        "HostConfig.Memory", "HostConfig.ShmSize", "HostConfig.Ulimits", "HostConfig.MaskedPaths", "Mounts",
        "Config.Hostname", "Config.Env", "Config.Cmd", "Config.Entrypoint", "Config.Labels", "Config.ExposedPorts",
        "NetworkSettings.Networks", "NetworkSettings.Ports", "NetworkSettings.IPAddress", "NetworkSettings.SandboxKey",
      ] {
        var value: JSONValue? = json
        for part in path.split(separator: ".") { value = value?[String(part)] }
        #expect(value != nil, "\(path)")
      }
      #expect(json["HostConfig"]?["ReadonlyRootfs"]?.bool == true && json["HostConfig"]?["Memory"]?.integer == 64 << 20)
      #expect(
        try inspect("{{.State.Status}} {{.Config.Labels.a}} {{.Config.Labels.zz}} {{.HostConfig.ReadonlyRootfs}}")
          == "running b <no value> true\n")
      #expect(try inspect("{{range .Mounts}}{{.Type}}:{{.Destination}}:{{.RW}}{{end}}") == "bind:/data:false\n")
      #expect(try inspect("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}") == "none\n")
      #expect(try inspect("{{len .NetworkSettings.Ports}} {{join .Config.Cmd \" \"}}") == "0 sleep 100\n")
      let wrong = try sandbox.skiff(["inspect", "-f", "{{.State.Stauts}}", "web"])
      #expect(wrong.code == 1 && wrong.errors.contains("did you mean .Status?"), "\(wrong)")
      let missing = try sandbox.skiff(["inspect", "wbe"])
      #expect(
        missing.code == 1 && missing.errors.contains("no such object: wbe")
          && missing.errors.contains("did you mean web?"), "\(missing)")
      let sized = try sandbox.skiff(["container", "inspect", "web"])
      #expect(sized.code == 0 && sized.output.hasPrefix("["))
    }
  }

  @Test func topReadsProc() throws {
    try Sandbox.with { sandbox in
      _ = try run(sandbox, "web", ["--init=false"], ["sh", "-c", "sleep 100 & sleep 200; :"])
      var top = ""
      for _ in 0..<100 {
        top = try sandbox.skiff(["top", "web"]).output
        if top.split(separator: "\n").count == 4 { break }
        usleep(20_000)
      }
      let lines = top.split(separator: "\n").map {
        $0.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
      }
      #expect(lines.first == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
      #expect(lines.count == 4 && lines.dropFirst().allSatisfy { $0[0] == "root" }, "\(top)")
      let pid = try sandbox.skiff(["inspect", "-f", "{{.State.Pid}}", "web"]).output.dropLast()
      #expect(lines[1][1] == pid)
      let own = try sandbox.skiff(["container", "top", "web", "-o", "pid,args=WHAT"]).output.split(separator: "\n")
      #expect(own.count == 4 && own[0].hasPrefix("PID ") && own[0].hasSuffix("WHAT") && own[1].hasPrefix("\(pid) "))
      #expect(try sandbox.skiff(["top", "web", "aux"]).output.hasPrefix("USER "))
      let refused = try sandbox.skiff(["top", "web", "--forest"])
      #expect(refused.code != 0 && refused.errors.contains("--forest"), "\(refused)")
      let near = try sandbox.skiff(["top", "web", "-o", "pdi"])
      #expect(near.code != 0 && near.errors.contains("did you mean p"), "\(near)")
    }
  }

  @Test func renameMovesTheNameAndItsLink() throws {
    try Sandbox.with { sandbox in
      let identifier = try run(sandbox, "old", [], ["sleep", "100"])
      _ = try run(sandbox, "other", [], ["sleep", "100"])
      #expect(try sandbox.skiff(["rename", "old", "new"]).code == 0)
      #expect(try sandbox.skiff(["ps", "--format", "{{.Names}}", "-f", "id=\(identifier)"]).output == "new\n")
      #expect(try sandbox.skiff(["inspect", "-f", "{{.Name}}", "new"]).output == "/new\n")
      #expect(try sandbox.skiff(["inspect", "old"]).code == 1)
      let taken = try sandbox.skiff(["rename", "new", "other"])
      #expect(taken.code == 1 && taken.errors.contains("the name other is taken"), "\(taken)")
      #expect(try sandbox.skiff(["container", "rename", "new", "a b"]).errors.contains("is no container name"))
      #expect(try sandbox.skiff(["rename", "new", "new"]).code == 1)
      // Its old name is free.
      _ = try run(sandbox, "old", [], ["true"])
    }
  }

  @Test(arguments: [0, 1]) func aKilledRenameLeavesOneName(place: Int) throws {
    try Sandbox.with { sandbox in
      _ = try run(sandbox, "old", [], ["sleep", "100"])
      let killed = try sandbox.skiff(["rename", "old", "new"], environment: ["SKIFF_KILL_AT": "renaming:\(place)"])
      #expect(killed.code == 128 + SIGKILL, "\(killed)")
      let names = try sandbox.skiff(["ps", "--format", "{{.Names}}"]).output
      #expect(names == (place == 0 ? "old\n" : "new\n"))
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: sandbox.state + "/names") == [String(names.dropLast())])
    }
  }

  @Test("a name that comes late to a container that is gone is looked for when who renames has ended")
  func aLateNameIsFound() throws {
    try Sandbox.with { sandbox in
      #expect(try sandbox.skiff(["ps"]).code == 0)
      let identifier = String(repeating: "ab", count: 32)
      let (trace, name) = ("\(sandbox.run)/locks/\(identifier).renaming", "\(sandbox.state)/names/late")
      do {
        let lock = try openLock(Path(trace))
        defer { hold(lock) }
        #expect(try sandbox.skiff(["ps"]).code == 0)
        #expect(exists(Path(trace)))
        try makeSymbolicLink(Path(name), to: Path(identifier))
      }
      #expect(try sandbox.skiff(["ps"]).code == 0)
      #expect(!exists(Path(trace)) && !exists(Path(name), followLinks: false))
    }
  }

  @Test func theGroupHasDockersVerbs() throws {
    try Sandbox.with { sandbox in
      let image = ["--network", "none", "--rootfs", sandbox.rootfs]
      #expect(try sandbox.skiff(["container", "run", "-d", "--name", "aa"] + image + ["sleep", "100"]).code == 0)
      #expect(try sandbox.skiff(["container", "create", "--name", "bb"] + image + ["true"]).code == 0)
      for verb in ["ls", "list", "ps"] {
        #expect(try sandbox.skiff(["container", verb, "-a", "--format", "{{.Names}}"]).output == "bb\naa\n")
      }
      #expect(try sandbox.skiff(["container", "exec", "aa", "echo", "hi"]).output == "hi\n")
      let pruned = try sandbox.skiff(["container", "prune", "-f"])
      #expect(
        pruned.code == 0 && pruned.output.hasPrefix("Deleted Containers:\n")
          && pruned.output.contains("Total reclaimed space: "))
      #expect(
        try sandbox.skiff(["container", "prune", "-f", "--filter", "until=1h"]).output == "Total reclaimed space: 0B\n")
      #expect(try sandbox.skiff(["container", "rm", "-f", "aa"]).code == 0)
      let near = try sandbox.skiff(["container", "strat", "aa"])
      #expect(near.code != 0 && near.errors.contains("did you mean 'start'?"), "\(near)")
      for (words, hint) in [
        (["contianer", "ls"], "'container'"), (["evnets"], "'events'"), (["ps", "--fromat", "x"], "--format"),
      ] {
        let mistyped = try sandbox.skiff(words)
        #expect(mistyped.code != 0 && mistyped.errors.contains("did you mean \(hint)?"), "\(mistyped)")
      }
    }
  }

  @Test func versionAndInfoHaveDockersMembers() throws {
    try Sandbox.with { sandbox in
      #expect(try sandbox.skiff(["version"]).output.hasPrefix("Client:\n Version:           "))
      let version = try sandbox.skiff(["version", "--format", "{{.Client.Version}} {{.Server.Version}} {{.Server.Os}}"])
      #expect(version.output.hasSuffix(" linux\n"), "\(version)")
      #expect(try sandbox.skiff(["info"]).output.hasPrefix("Containers: 0\n Running: 0\n"))
      #expect(try sandbox.skiff(["system", "info", "-f", "{{.OSType}} {{.ContainersRunning}}"]).output == "linux 0\n")
      let usage = try sandbox.skiff(["system", "df", "--format", "{{.Type}}"]).output
      #expect(usage.hasPrefix("Images\nContainers\nLocal Volumes\n"))
    }
  }
}
