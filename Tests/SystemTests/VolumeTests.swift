import Foundation
import JSON
import Kernel
import Testing

/// Volumes as a person uses them, and what kills, races and hostile volumes do to them.
@Suite(.enabled(if: getuid() == 0, "containers need root")) struct VolumeSystemTests {
  private func withSandbox(_ body: (Sandbox) throws -> Void) throws {
    let place = try Sandbox()
    defer { place.remove() }
    do { try body(place) } catch {
      try? place.removeAll()
      throw error
    }
    try place.removeAll()
    place.settle()
    let mounts = try readText("/proc/self/mountinfo", limit: 64 << 20)
    #expect(!mounts.contains(place.folder.path), "a mount is left")
  }

  @Test func theCommands() throws {
    try withSandbox { (place) throws in
      #expect(try place.skiff(["volume", "create", "--label", "tier=db", "data"]).output == "data\n")
      #expect(try place.skiff(["volume", "create", "data"]).code == 0)
      let nameless = try place.skiff(["volume", "create"]).output
      #expect(nameless.utf8.count == 65)
      let other = try place.skiff(["volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "data"])
      #expect(other.code == 1 && other.errors.contains("it exists"))
      #expect(try place.skiff(["volume", "create", "-d", "nfs", "x1"]).code == 125)
      #expect(try place.skiff(["volume", "ls"]).output.hasPrefix("DRIVER    VOLUME NAME\nlocal     "))
      #expect(try place.skiff(["volume", "ls", "-q", "-f", "label=tier=db"]).output == "data\n")
      #expect(
        try place.skiff(["volume", "ls", "--format", "{{.Name}}|{{.Driver}}|{{.Labels}}", "-f", "name=dat"])
          .output == "data|local|tier=db\n")
      #expect(try place.skiff(["volume", "ls", "-f", "sort=x"]).code == 125)
      let inspected = try place.skiff(["volume", "inspect", "data", "none"])
      let value = try JSONValue(parsing: Array(inspected.output.utf8))
      #expect(inspected.code == 1 && inspected.errors.contains("no such volume: none"))
      #expect(value[0]?["Mountpoint"]?.string == "\(place.state)/volumes/data/_data")
      #expect(value[0]?["Labels"]?["tier"]?.string == "db" && value[0]?["Scope"]?.string == "local")
      #expect(try place.run("true", flags: ["-v", "used:/u", "--name", "gone"]).code == 0)
      #expect(
        try place.skiff([
          "run", "--name", "keeper", "--network", "none", "-v", "used:/u", "--rootfs", place.rootfs, "true",
        ])
        .code == 0)
      let refused = try place.skiff(["volume", "rm", "used"])
      #expect(refused.code == 1 && refused.errors.contains("volume used is in use by keeper"))
      #expect(try place.skiff(["volume", "ls", "-qf", "dangling=false"]).output == "used\n")
      #expect(try place.skiff(["volume", "prune", "-f"]).output.hasPrefix("Deleted Volumes:\n" + nameless + "\nTotal"))
      #expect(try place.skiff(["volume", "prune", "-f", "-a", "--filter", "label!=tier=db"]).output.hasPrefix("Total"))
      #expect(try place.skiff(["volume", "prune", "-f", "-a"]).output.hasPrefix("Deleted Volumes:\ndata\n"))
      #expect(try place.skiff(["volume", "rm", "-f", "none"]).code == 0)
      #expect(try place.skiff(["rm", "keeper"]).code == 0)
      #expect(try place.skiff(["volume", "rm", "used"]).output == "used\n")
    }
  }

  @Test("one volume at two places is one volume", .timeLimit(.minutes(1))) func oneVolumeTwice() throws {
    try withSandbox { (place) throws in
      let flags = ["-v", "data:/a", "-v", "data:/b:ro"]
      let kept = try place.run("sh", "-c", "echo kept > /a/note; read x < /b/note; echo $x", flags: flags)
      #expect(kept.output == "kept\n", "\(kept)")
      let refused = try place.run("sh", "-c", "echo x > /b/note", flags: flags)
      #expect(refused.code != 0 && refused.errors.contains("Read-only file system"))
    }
  }

  @Test func whatInspectSaysOfEachKind() throws {
    try withSandbox { (place) throws in
      let flags = [
        "-v", "data:/d:ro", "-v", "\(place.folder.path):/b:rslave", "-v", "/nameless", "--tmpfs", "/t:size=1m",
        "--mount",
        "type=tmpfs,target=/m", "--mount", "type=bind,source=/etc,target=/e,readonly",
      ]
      try place.startSleeper("all", flags: flags)
      let value = try JSONValue(parsing: Array(try place.skiff(["inspect", "all"]).output.utf8))[0]?["Mounts"]?.array
      let mounts = Dictionary(uniqueKeysWithValues: (value ?? []).map { ($0["Destination"]?.string ?? "", $0) })
      #expect(mounts.keys.sorted() == ["/b", "/d", "/e", "/m", "/nameless"])
      #expect(
        mounts["/d"] == [
          "Type": "volume", "Name": "data", "Source": .string("\(place.state)/volumes/data/_data"), "Destination": "/d",
          "Driver": "local", "Mode": "ro", "RW": false, "Propagation": "",
        ])
      #expect(
        mounts["/b"] == [
          "Type": "bind", "Source": .string(place.folder.path), "Destination": "/b", "Mode": "rslave", "RW": true,
          "Propagation": "rslave",
        ])
      #expect(mounts["/e"]?["RW"] == false && mounts["/e"]?["Propagation"] == "rprivate")
      #expect(
        mounts["/m"] == [
          "Type": "tmpfs", "Source": "", "Destination": "/m", "Mode": "", "RW": true, "Propagation": "",
        ])
      #expect(mounts["/nameless"]?["Name"]?.string?.utf8.count == 64)
      // Another one has them too, but for the tmpfs, and takes nothing away from the first.
      let same = try place.run(
        "sh", "-c", "ls -d /d /b /nameless; touch /nameless/x; mkdir /b/no", flags: ["--volumes-from", "all:ro"])
      #expect(same.output == "/b\n/d\n/nameless\n" && same.errors.contains("/nameless/x: Read-only"))
      #expect(same.errors.contains("'/b/no': Read-only"))
      #expect(exists(Path(mounts["/nameless"]?["Source"]?.string ?? "/none")))
    }
  }

  @Test func aMissingSourceIsNamedWithTheCure() throws {
    try withSandbox { (place) throws in
      let missing = place.folder.path + "/missing"
      for words in [["-v", "\(missing):/x"], ["--mount", "type=bind,source=\(missing),target=/x"]] {
        let refused = try place.run("true", flags: words)
        #expect(refused.code == 125 && refused.errors.contains("source \(missing) does not exist"))
        #expect(refused.errors.contains("--mount type=bind,source=\(missing),target=/x,bind-create-src"))
        #expect(!exists(Path(missing)))
      }
      let asked = "type=bind,source=\(missing),target=/x,bind-create-src"
      #expect(try place.run("touch", "/x/file", flags: ["--mount", asked]).code == 0)
      #expect(exists(Path(missing + "/file")))
    }
  }

  /// CVE-2023-2253 and its kin: who fills a volume chooses where a part of it begins.
  @Test func aPartOfAVolumeIsNothingOfTheHost() throws {
    try withSandbox { (place) throws in
      let script =
        "cd /d; /bin/busybox ln -s \(place.folder.path) link; /bin/busybox ln -s ../../../../../../../.. up; "
        + "/bin/busybox ln -s part inside; mkdir part; echo mine >part/file"
      #expect(try place.run("sh", "-c", script, flags: ["-v", "data:/d"]).code == 0)
      func part(_ path: String) throws -> Sandbox.Result {
        try place.run(
          "sh", "-c", "cat /x/file; ls /x", flags: ["--mount", "source=data,target=/x,volume-subpath=\(path)"])
      }
      #expect(try part("part").output == "mine\nfile\n")
      #expect(try part("inside").output == "mine\nfile\n")
      #expect(try part("link").code == 125)
      // The top of the volume is as far up as it goes.
      #expect(try part("up").output.contains("part"))
      for path in ["../x", "/etc", "a/../.."] { #expect(try part(path).code == 125) }
    }
  }

  @Test func killedWhileAVolumeIsFilled() throws {
    try withSandbox { (place) throws in
      let data = place.rootfs + "/data"
      try FileManager.default.createDirectory(atPath: data + "/sub", withIntermediateDirectories: true)
      for name in ["one", "two", "sub/three"] { try Data("x".utf8).write(to: URL(filePath: "\(data)/\(name)")) }
      let source = place.folder.path + "/source"
      try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
      for step in 0...4 {
        let name = "v\(step)"
        // The last steps are those of a volume that is mounted.
        let options = step < 3 ? [] : ["-o", "type=none", "-o", "o=bind", "-o", "device=\(source)"]
        #expect(try place.skiff(["volume", "create"] + options + [name]).code == 0)
        let words = [
          "run", "--rm", "--network", "none", "-v", "\(name):/data", "--rootfs", place.rootfs, "ls", "/data",
        ]
        let killed = try place.skiff(words, environment: ["SKIFF_KILL_AT": "copying up:\(step)"])
        #expect(killed.code == 137, "\(step): \(killed.output) \(killed.errors)")
        let whole = try place.skiff(words)
        #expect(whole.output == "one\nsub\ntwo\n", "\(step): \(whole.output) \(whole.errors)")
        #expect(try place.skiff(["volume", "rm", name]).code == 0)
        for file in try FileManager.default.contentsOfDirectory(atPath: source) {
          try FileManager.default.removeItem(atPath: "\(source)/\(file)")
        }
      }
    }
  }

  @Test func killedWhileAVolumeIsMounted() throws {
    try withSandbox { (place) throws in
      let options = ["-o", "type=tmpfs", "-o", "device=tmpfs"]
      #expect(try place.skiff(["volume", "create"] + options + ["mem"]).code == 0)
      for step in 0...3 {
        let words = ["run", "--rm", "--network", "none", "-v", "mem:/data:nocopy", "--rootfs", place.rootfs, "true"]
        let killed = try place.skiff(words, environment: ["SKIFF_KILL_AT": "volume:\(step)"])
        // The supervisor mounts it.
        #expect(killed.code == 125 && killed.errors.contains("was killed"), "\(step): \(killed)")
        place.settle()
        #expect(try place.skiff(["ps", "-aq"]).output.isEmpty)
        #expect(try !readText("/proc/self/mountinfo", limit: 64 << 20).contains("\(place.state)/volumes"), "\(step)")
        #expect(try entries(of: Path(place.run + "/volumes")).isEmpty, "\(step)")
      }
      // A supervisor that is killed leaves the mount to who finds it.
      try place.startSleeper("one", flags: ["-v", "mem:/data"])
      try place.startSleeper("two", flags: ["-v", "mem:/data"])
      for process in place.supervisors() { try sendSignal(9, toProcess: process) }
      for _ in 0..<300 where !place.supervisors().isEmpty { usleep(10_000) }
      #expect(try place.skiff(["ps", "-q"]).output.isEmpty)
      #expect(try !readText("/proc/self/mountinfo", limit: 64 << 20).contains("\(place.state)/volumes"))
    }
  }

  @Test func anImageIsMountedReadOnlyAndKept() throws {
    try withSandbox { (place) throws in
      try place.makeImage()
      for (flags, listing) in [([], "/img/second"), (["--userns", "auto"], "/img/second")] as [([String], String)] {
        let shown = try place.run(
          "sh", "-c", "ls /img/second; touch /img/x", flags: flags + ["--mount", "type=image,source=box,target=/img"])
        #expect(shown.output == listing + "\n" && shown.errors.contains("Read-only"), "\(shown.errors)")
      }
      for image in ["plain", "box"] {
        let part = try place.run(
          "ls", "/img/busybox", flags: ["--mount", "type=image,source=\(image),target=/img,image-subpath=usr/bin"])
        #expect(part.output == "/img/busybox\n", "\(image): \(part.errors)")
      }
      try place.startSleeper("holder", flags: ["--mount", "type=image,source=box,target=/img"])
      #expect(try place.skiff(["rmi", "box"]).errors.contains("holder"))
      #expect(try place.skiff(["image", "prune", "-af"]).code == 0)
      #expect(try place.skiff(["images", "-q"]).output.split(separator: "\n").count == 1)
      #expect(try place.run("true", flags: ["--mount", "type=image,source=none,target=/img"]).code == 125)
    }
  }
}
