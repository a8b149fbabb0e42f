import Foundation
import Kernel
import Testing

/// `skiff cp` by docker's rules, and what a hostile container makes of it.
@Suite(.enabled(if: getuid() == 0, "containers need root")) struct CopyTests {
  private func withContainer(_ flags: [String] = [], _ body: (Sandbox, _ local: String) throws -> Void) throws {
    let place = try Sandbox()
    defer { place.remove() }
    let local = place.folder.path + "/local"
    try makeDirectories(Path(local + "/d/sub"), mode: 0o755)
    try replaceFile(Path(local + "/d/one"), with: Array("1\n".utf8), mode: 0o644, durable: false)
    try replaceFile(Path(local + "/d/sub/two"), with: Array("2\n".utf8), mode: 0o640, durable: false)
    try makeSymbolicLink(Path(local + "/d/link"), to: "one")
    try setOwner(of: Path(local + "/d/one"), user: 1000, group: 1000)
    try place.startSleeper("box", flags: flags)
    do { try body(place, local) } catch {
      try? place.removeAll()
      throw error
    }
    try place.removeAll()
    place.settle()
    #expect(place.leaks(of: place.identifiers()).filter { !$0.hasPrefix("volume") } == [])
  }

  private func find(_ path: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
  }

  /// The process that copies sees the container's root where its record is: it may not take it for one without a record.
  @Test func aRestingContainerOfAnImageStays() throws {
    try Sandbox.with { place in
      try place.makeImage()
      #expect(
        try place.skiff(["create", "--name", "box", "--network", "none", "box", "busybox", "cat", "/new"]).code == 0)
      let file = place.folder.path + "/file"
      try "here\n".write(toFile: file, atomically: true, encoding: .utf8)
      for words in [["cp", file, "box:/new"], ["cp", "box:/new", file + "2"], ["ps", "-a"]] {
        #expect(try place.skiff(words).code == 0, "\(words)")
      }
      let told = try place.skiff([
        "events", "--since", "1h", "--until", "0s", "-f", "container=box", "--format", "{{.Action}}",
      ])
      #expect(told.output == "create\nextract-to-dir\narchive-path\n", "\(told)")
      #expect(try place.skiff(["start", "-a", "box"]).output == "here\n")
      #expect(try place.skiff(["diff", "box"]).output == "A /new\n")
    }
  }

  @Test func theRulesOfNames() throws {
    try withContainer { (place, local) throws in
      func cp(_ words: String...) throws -> Sandbox.Result { try place.skiff(["cp"] + words) }
      let inside = place.rootfs
      // A directory into one that is there, what it holds into it, and a new one.
      for (source, target, made) in [
        ("d", "box:/etc", "etc/d"), ("d/.", "box:srv", "srv"), ("d/", "box:/new", "new"), ("d", "box:/etc/", "etc/d"),
      ] {
        try makeDirectories(Path(inside + "/srv"), mode: 0o755)
        let result = try cp("\(local)/\(source)", target)
        #expect(result.code == 0 && result.output.isEmpty && result.errors.isEmpty, "\(result.errors)")
        #expect(try find("\(inside)/\(made)") == ["link", "one", "sub", "sub/two"], "\(source) \(target)")
      }
      #expect(try status(of: Path(inside + "/new/one")).owner == 0)
      #expect(try cp("-a", "\(local)/d/one", "box:/kept").code == 0)
      #expect(try status(of: Path(inside + "/kept")).owner == 1000)
      #expect(try status(of: Path(inside + "/new/sub/two")).mode == 0o640)
      for (source, target, words) in [
        ("\(local)/d/one", "box:/none/", "no such file or directory: box:/none/"),
        ("\(local)/d/one", "box:/none/x", "no such file or directory: box:/none/x"),
        ("\(local)/d", "box:/none/.", "no such file or directory: box:/none/."),
        ("\(local)/d", "box:/kept", "not a directory: box:/kept"),
        ("\(local)/no", "box:/", "no such file or directory"),
        ("\(local)/d/one/", "box:/", "not a directory"), ("box:/no", local, "no such file or directory: box:/no"),
        ("other:/x", local, "no such container: other"),
        ("-", "box:/kept", "destination \"box:/kept\" must be a directory"),
      ] {
        let result = try cp(source, target)
        #expect(result.code != 0 && result.errors.contains(words), "\(source) \(target): \(result.errors)")
      }
      #expect(try cp("box:/a", "box:/b").errors.contains("copying between containers is not supported"))
      #expect(try cp("/a", "/b").errors.contains("must specify at least one container source"))
      // Out again: a link as one, or what it leads to.
      #expect(try cp("box:/new", "\(local)/out").code == 0)
      #expect(try find(local + "/out") == ["link", "one", "sub", "sub/two"])
      #expect(try cp("box:/new/link", "\(local)/out/l").code == 0)
      #expect(try readSymbolicLink(Path(local + "/out/l")) == "one")
      #expect(try cp("-L", "box:/new/link", "\(local)/out/f").code == 0)
      #expect(try status(of: Path(local + "/out/f"), followLinks: false).kind == .regular)
      let lists = try place.shell(
        "\"$0\" cp box:/new - | tar t; \"$0\" cp box:/new/. - | tar t; \"$0\" cp box:/new/one - | tar t")
      #expect(
        lists.output == "new/\nnew/link\nnew/one\nnew/sub/\nnew/sub/two\n./\n./link\n./one\n./sub/\n./sub/two\none\n")
      #expect(try place.shell("tar cC \(local) d | \"$0\" cp - box:/srv").code == 0)
      #expect(try status(of: Path(inside + "/srv/d/one")).owner == 1000)
    }
  }

  @Test func intoWhatIsMountedRunningPausedAndStopped() throws {
    let flags = ["-v", "data:/v", "--tmpfs", "/t", "--mount", "type=bind,source=/etc,target=/ro,readonly"]
    try withContainer(flags) { (place, local) throws in
      let one = local + "/d/one"
      for target in ["/v/a", "/t/a", "/etc/hosts"] {
        #expect(try place.skiff(["cp", one, "box:" + target]).code == 0)
        #expect(try place.skiff(["exec", "box", "cat", target]).output == "1\n")
      }
      let refused = try place.skiff(["cp", one, "box:/ro/skiff-test"])
      #expect(refused.code == 1 && refused.errors.contains("read-only"))
      #expect(try place.skiff(["pause", "box"]).code == 0)
      #expect(try place.skiff(["cp", one, "box:/v/paused"]).code == 0)
      #expect(try place.skiff(["unpause", "box"]).code == 0)
      #expect(try place.skiff(["stop", "-t", "0", "box"]).code == 0)
      place.settle()
      #expect(try place.skiff(["cp", one, "box:/v/stopped"]).code == 0)
      #expect(try place.skiff(["cp", "box:/v", local + "/v"]).code == 0)
      #expect(try find(local + "/v") == ["a", "paused", "stopped"])
      #expect(try place.skiff(["start", "box"]).code == 0)
      #expect(try place.skiff(["exec", "box", "cat", "/v/stopped"]).output == "1\n")
    }
  }

  @Test func inAUserNamespaceIdsAreItsOwn() throws {
    try withContainer(["--userns", "auto", "-v", "data:/v"]) { (place, local) throws in
      #expect(try place.skiff(["cp", local + "/d", "box:/v"]).code == 0)
      #expect(try place.skiff(["cp", "-a", local + "/d", "box:/v/kept"]).code == 0)
      #expect(
        try place.skiff(["exec", "box", "stat", "-c", "%u", "/v/d/one", "/v/kept/one"]).output == "0\n1000\n")
      let owners = try place.shell("\"$0\" cp box:/v/kept - | tar tv --numeric-owner")
      #expect(owners.output.contains(" 1000/1000 ") && !owners.output.contains("10000"))
    }
  }

  @Test func volumesGoOutAndComeBack() throws {
    try withContainer(["-v", "data:/v"]) { (place, local) throws in
      #expect(try place.skiff(["cp", "-a", local + "/d/.", "box:/v"]).code == 0)
      let moved = try place.shell(
        "set -e; \"$0\" volume create again; \"$0\" volume export data | gzip >\(local)/tar; \"$0\" volume import again \(local)/tar; "
          + "\"$0\" volume export -o \(local)/plain again; tar tf \(local)/plain")
      #expect(moved.code == 0 && moved.output == "again\n./\n./link\n./one\n./sub/\n./sub/two\n", "\(moved.errors)")
      #expect(try status(of: Path(place.state + "/volumes/again/_data/one")).owner == 1000)
      #expect(try place.skiff(["volume", "export", "none"]).errors.contains("no such volume: none"))
      #expect(try place.skiff(["volume", "import", "again", "\(local)/d/one"]).errors.contains("middle of a file"))
      // What has no end has one here: two empty blocks, and no more behind them than a writer's last record is long.
      for endless in ["volume import again /dev/zero", "volume import again - </dev/zero", "import /dev/zero endless"] {
        let refused = try place.shell("exec timeout 60 \"$0\" \(endless)")
        #expect(![0, 124, 137].contains(refused.code) && refused.errors.contains("64 MiB behind"), "\(refused)")
      }
      let unending = try place.shell("yes | timeout 60 \"$0\" volume import again -")
      #expect(unending.code != 124 && unending.errors.contains("this is not a tar archive"), "\(unending)")
    }
  }
}

extension CopyTests {
  /// A terabyte costs a container one call; on the host's disk it must cost no more.
  @Test func holesStayHoles() throws {
    try Sandbox.with { place in
      let source = "\(place.rootfs)/sparse"
      let file = try open(Path(source), [.writeOnly, .create, .exclusive], mode: 0o600)
      try file.borrowed.write("begin")
      try file.borrowed.seek(to: 1 << 33)
      try file.borrowed.write("middle")
      try file.borrowed.truncate(to: 1 << 40)
      try makeHole(Path("\(place.rootfs)/empty"))
      #expect(try place.skiff(["create", "--name", "holes", "--rootfs", place.rootfs, "true"]).code == 0)
      for (name, size) in [("sparse", 1 << 40), ("empty", 1 << 30)] {
        let target = "\(place.folder.path)/\(name)"
        let copied = try place.skiff(["cp", "holes:/\(name)", target])
        #expect(copied.code == 0, "\(copied)")
        let copy = try open(Path(target), .readOnly)
        let status = try status(of: copy.borrowed)
        #expect(status.size == size && status.blocks < 1000, "\(status)")
        guard name == "sparse" else { continue }
        #expect(try copy.borrowed.read(5, at: 0) == Array("begin".utf8))
        #expect(try copy.borrowed.read(6, at: 1 << 33) == Array("middle".utf8))
      }
      #expect(try place.skiff(["rm", "holes"]).code == 0)
    }
  }

  /// Files of the kernel's have no size before they are read, and some no end: whoever asks for one is told, both ways.
  @Test func whatIsTheKernelsIsNoFile() throws {
    try Sandbox.with { place in
      let run = ["run", "-d", "--name", "box", "--network", "none", "--rootfs", place.rootfs, "sleep", "100"]
      #expect(try place.skiff(run).code == 0)
      let target = "\(place.folder.path)/target"
      for from in ["box:/proc/version", "box:/proc", "box:/proc/sys/kernel", "box:/sys/kernel/profiling"] {
        let refused = try place.skiff(["cp", from, target])
        #expect(refused.code == 1 || refused.code == 125, "\(refused)")
        #expect(
          refused.errors.contains("is no file but the kernel's") && refused.errors.contains("hint: "), "\(refused)")
        #expect(!FileManager.default.fileExists(atPath: target))
      }
      let inward = try place.skiff(["cp", "/proc/version", "box:/version"])
      #expect(inward.errors.contains("is no file but the kernel's"), "\(inward)")
      #expect(!FileManager.default.fileExists(atPath: place.rootfs + "/version"))
    }
  }

  private func makeHole(_ path: Path) throws {
    let file = try open(path, [.writeOnly, .create, .exclusive], mode: 0o600)
    try file.borrowed.truncate(to: 1 << 30)
  }
}

/// CVE-2018-15664: a container that changes its own paths while somebody copies.
@Suite(.serialized, .enabled(if: Attacker.obstacle == nil, "\(Attacker.obstacle ?? "")")) struct CopyRacerTests {
  @Test func aRacerGetsNothingOfTheHost() throws {
    try Sandbox.underAttack { place in
      let host = place.folder.path + "/host"
      try makeDirectories(Path(host + "/dir"), mode: 0o755)
      try replaceFile(Path(host + "/dir/file"), with: Array("CANARY".utf8), durable: false)
      try replaceFile(Path(host + "/mine"), with: Array("evil".utf8), durable: false)
      let up = String(repeating: "../", count: 12)
      try place.startSleeper(
        "racer", "sh", "-c",
        "mkdir -p /a/dir && echo own >/a/dir/file && /bin/busybox ln -s \(up)\(host)/dir /a/link && exec attack swap /a/dir /a/link"
      )
      try place.awaitLine("ready", of: "racer")
      let script = """
        for i in $(seq \(max(10, attackCount / 5))); do
          $skiff cp \(host)/mine racer:/a/dir/new; $skiff cp \(host)/mine racer:/a/link/file
          $skiff cp racer:/a/dir/file -; $skiff cp racer:/a/link/. -; $skiff cp racer:/a -; $skiff cp -L racer:/a/link -
        done >\(place.folder.path)/out 2>/dev/null
        """
      _ = try place.onHost(script)
      #expect(try readText(Path(host + "/dir/file")) == "CANARY" && entries(of: Path(host + "/dir")).count == 1)
      let out = try readFile(Path(place.folder.path + "/out"), limit: 64 << 20)
      #expect(!out.isEmpty && !String(decoding: out, as: UTF8.self).contains("CANARY"))
    }
  }
}
