import Foundation
import Kernel
import Testing

/// kill -9 right before each step of a whole plan, in whichever process performs it, by the kill switch of debug builds
/// (Kernel/KillSwitch.swift). After the next command nothing may be left of it.
@Suite(.serialized, .enabled(if: getuid() == 0, "kill -9 between steps needs root: they are real"))
struct FaultWalkTests {
  /// Calls the program again and again, killed at the first step of the phase, at the second, and so on, until a call is
  /// past the last one: then nobody was killed and it succeeds. So a walk cannot end early, nor miss a step.
  private func walk(
    _ sandbox: Sandbox, _ phase: String, _ words: [String], before: () throws -> Void = {},
    after: (_ step: String, _ isLast: Bool) throws -> Void
  ) throws {
    for index in 0..<200 {
      try before()
      let result = try sandbox.skiff(words, environment: ["SKIFF_KILL_AT": "\(phase):\(index)"])
      try after("\(phase):\(index)", result.code == 0)
      if result.code != 0 { continue }
      #expect(index > 0, "nobody was ever killed in \(phase)")
      return
    }
    Issue.record("the walk of \(phase) does not end: \(words)")
  }

  /// Every phase of a run and of its end, with all that a container can have: layers, a bridge, volumes with and without a
  /// name, an init, and a limit. With --rm, the next command alone must leave nothing.
  @Test(arguments: [
    "preparing", "network", "preparation", "starting", "clone", "wiring", "building", "finishing", "undo",
    "ending", "erasing",
  ])
  func nothingIsLeftAfterAKillBeforeEachStep(phase: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    try sandbox.makeImage()
    let words = [
      "run", "--rm", "--name", "walk", "-m", "64m", "--init", "-v", "data:/data", "-v", "/anonymous", "box", "busybox",
      "true",
    ]
    try walk(
      sandbox, phase, words,
      before: { if phase == "network" { _ = try sandbox.skiff(["network", "rm", "-f", "bridge"]) } },
      after: { step, _ in
        let identifiers = sandbox.identifiers()
        sandbox.settle()
        let next = try sandbox.skiff(["ps", "-aq"])
        #expect(next.code == 0 && next.output.isEmpty, "\(step): \(next.output)\(next.errors)")
        #expect(sandbox.leaks(of: identifiers) == [], "\(step) left something behind")
      })
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }

  /// Without --rm: a container that had ended keeps its record and its exit code, as any that has ended does.
  @Test(arguments: ["starting", "undo", "ending"])
  func aContainerThatHadEndedIsKept(phase: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let words = ["run", "--name", "walk", "-v", "/anonymous", "--rootfs", sandbox.rootfs, "true"]
    try walk(sandbox, phase, words) { step, isLast in
      let identifiers = sandbox.identifiers()
      sandbox.settle()
      let status = try sandbox.skiff(["ps", "-a", "--format", "{{.Status}}"]).output
      if phase == "undo" || phase == "ending" || isLast {
        #expect(status.hasPrefix("Exited (0)"), "\(step): \(status)")
      }
      #expect(try sandbox.skiff(["rm", "-f", "-v", "walk"]).code == 0)
      #expect(sandbox.leaks(of: identifiers) == [], "\(step) left something behind")
    }
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }

  /// The command dies and not the supervisor: the container runs on, or was never made.
  @Test func theCommandIsKilledAndNotTheSupervisor() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let words = ["run", "-d", "--name", "walk", "--rootfs", sandbox.rootfs, "sleep", "1000"]
    try walk(sandbox, "command", words) { step, _ in
      let identifiers = sandbox.identifiers()
      let removed = try sandbox.skiff(["rm", "-f", "walk"])
      #expect(removed.code == 0, "\(step): \(removed.errors)")
      sandbox.settle()
      #expect(try sandbox.skiff(["ps", "-aq"]).output.isEmpty)
      #expect(sandbox.leaks(of: identifiers) == [], "\(step) left something behind")
    }
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }

  /// rm is killed: the next command goes on with it, and leaves the volumes that rm was not told to remove.
  @Test(arguments: [true, false]) func aRemovalThatWasBegunIsFinished(withVolumes: Bool) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let words = ["rm", "-f"] + (withVolumes ? ["-v"] : []) + ["walk"]
    try walk(
      sandbox, "erasing", words,
      before: {
        let run = ["run", "--name", "walk", "--network", "none", "-v", "/anonymous", "--rootfs", sandbox.rootfs]
        let ended = try sandbox.skiff(run + ["true"])
        #expect(ended.code == 0, "\(ended.errors)")
        sandbox.settle()
      },
      after: { step, _ in
        let identifiers = sandbox.identifiers()
        #expect(try sandbox.skiff(["ps", "-aq"]).output.isEmpty, "\(step)")
        let leaks = sandbox.leaks(of: identifiers)
        #expect(leaks.filter { !$0.hasPrefix("volume") } == [], "\(step) left something behind")
        #expect(leaks.count == (withVolumes ? 0 : 1), "\(step): \(leaks)")
        for volume in leaks {
          try FileManager.default.removeItem(atPath: "\(sandbox.state)/volumes/\(volume.split(separator: " ")[1])")
        }
      })
  }

  /// Who heals is killed too: a program that runs without a record, one with, one that has ended.
  @Test(arguments: ["starting:2", "starting:3", "ending:0"], ["healing", "erasing"])
  func theHealerIsKilledToo(first: String, phase: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let run = ["run", "--rm", "--name", "walk", "-v", "/anonymous", "--rootfs", sandbox.rootfs, "sleep", "0.2"]
    var identifiers: Set<String> = []
    try walk(
      sandbox, phase, ["ps", "-aq"],
      before: {
        let killed = try sandbox.skiff(run, environment: ["SKIFF_KILL_AT": first])
        #expect(killed.code != 0)
        identifiers = sandbox.identifiers()
        sandbox.settle()
      },
      after: { step, _ in
        let next = try sandbox.skiff(["ps", "-aq"])
        #expect(next.code == 0 && next.output.isEmpty, "\(step): \(next.output)\(next.errors)")
        #expect(sandbox.leaks(of: identifiers) == [], "\(first), then \(step) left something behind")
      })
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }

  /// The machine stops while the directory of a container that is gone is removed: no lock is left that tells of it.
  @Test func whatABootInterruptedIsRemoved() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let run = ["run", "--rm", "--network", "none", "--rootfs", sandbox.rootfs, "true"]
    #expect(try sandbox.skiff(run).code == 0)
    sandbox.settle()
    let files = FileManager.default
    let remains = "\(sandbox.state)/containers/.\(String(repeating: "a", count: 64))"
    try files.createDirectory(atPath: "\(remains)/work/work", withIntermediateDirectories: true)
    try files.removeItem(atPath: "\(sandbox.run)/healed")
    let next = try sandbox.skiff(["ps", "-aq"])
    #expect(next.code == 0 && next.output.isEmpty, "\(next.output)\(next.errors)")
    #expect(sandbox.leaks(of: []) == [])
  }

  /// exec leaves no process in the container, and the container as it was.
  @Test(arguments: ["joining", "finishing"]) func execIsKilled(phase: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let run = ["run", "-d", "--name", "walk", "--network", "none", "--rootfs", sandbox.rootfs, "sleep", "1000"]
    #expect(try sandbox.skiff(run).code == 0)
    let identifiers = sandbox.identifiers()
    try walk(sandbox, phase, ["exec", "walk", "true"]) { step, _ in
      let processes = try sandbox.skiff(["exec", "walk", "ps", "-o", "args"])
      let expected: [Substring] = ["COMMAND", "ps -o args", "skiff-init -- sleep 1000", "sleep 1000"]
      #expect(processes.output.split(separator: "\n").sorted() == expected, "\(step)")
    }
    #expect(try sandbox.skiff(["rm", "-f", "walk"]).code == 0)
    sandbox.settle()
    #expect(sandbox.leaks(of: identifiers) == [])
  }

  /// commit freezes the container while it reads it: whoever comes next thaws it, and finds no half of an image.
  @Test func commitIsKilled() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    try sandbox.makeImage()
    let run = ["run", "-d", "--name", "walk", "--network", "none", "box", "busybox", "sleep", "1000"]
    #expect(try sandbox.skiff(run).code == 0)
    #expect(try sandbox.skiff(["exec", "walk", "busybox", "touch", "/third"]).code == 0)
    let identifiers = sandbox.identifiers()
    try walk(sandbox, "commit", ["commit", "walk", "kept"]) { step, isLast in
      let answer = try sandbox.skiff(["exec", "walk", "busybox", "echo", "awake"])
      #expect(answer.output == "awake\n", "\(step): \(answer.errors)")
      let names = Set(try sandbox.skiff(["images", "--format", "{{.Repository}}"]).output.split(separator: "\n"))
      #expect(names.isSuperset(of: ["plain", "box"]) && (!isLast || names.contains("kept")), "\(step): \(names)")
      let leaks = sandbox.leaks(of: identifiers).filter { $0.contains("ingest") || $0.contains(".work") }
      #expect(leaks == [], "\(step)")
    }
    let read = ["run", "--rm", "--network", "none", "kept", "busybox", "ls", "/second", "/third"]
    #expect(try sandbox.skiff(read).output == "/second\n/third\n")
    #expect(try sandbox.skiff(["rm", "-f", "walk"]).code == 0)
    sandbox.settle()
    #expect(sandbox.leaks(of: identifiers) == [])
  }

  /// A mount that was begun is taken away, one that was made can be let go of, and its image with it.
  @Test func mountsOfImagesAreKilled() throws {
    let sandbox = try Sandbox()
    defer {
      _ = try? sandbox.skiff(["image", "unmount", "--all"])
      sandbox.remove()
    }
    try sandbox.makeImage()
    try walk(sandbox, "mounting", ["image", "mount", "box"]) { step, isLast in
      let listed = try sandbox.skiff(["image", "mount"]).output
      #expect(listed.hasPrefix("box:latest ") == (isLast || step == "mounting:2"), "\(step): \(listed)")
      let again = try sandbox.skiff(["image", "mount", "box"])
      #expect(again.code == 0 && FileManager.default.fileExists(atPath: "\(again.output.dropLast())/second"), "\(step)")
      #expect(try sandbox.skiff(["image", "unmount", "box"]).code == 0, "\(step)")
      let left = try entries(of: Path("\(sandbox.run)/mounts")).map { $0.name.string }
      #expect(left == [".lock"], "\(step)")
    }
    try walk(
      sandbox, "unmounting", ["image", "unmount", "box"],
      before: {
        let mounted = try sandbox.skiff(["image", "mount", "box"])
        #expect(mounted.code == 0, "\(mounted.errors)")
      },
      after: { step, _ in
        let listed = try sandbox.skiff(["image", "mount"]).output
        #expect(listed == "", "\(step)")
        let left = try entries(of: Path("\(sandbox.run)/mounts")).map { $0.name.string }
        #expect(left == [".lock"], "\(step)")
      })
    #expect(try sandbox.skiff(["rmi", "box"]).code == 0)
  }

  /// Whoever takes images or layers away is killed: nothing is half there, and what a container stands on is all there.
  @Test(arguments: [
    ("removing", ["rmi", "other"]), ("removing", ["system", "prune", "-f", "--keep-storage", "0"]),
    ("removing", ["image", "prune", "-a", "-f"]), ("pruning", ["system", "prune", "-a", "-f"]),
  ])
  func removalsAreKilled(phase: String, words: [String]) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    try sandbox.makeImage()
    let archive = sandbox.folder.path + "/other.tar"
    #expect(try sandbox.skiff(["stage", "-q", "-t", "other", "busybox", "cat"]).code == 0)
    #expect(try sandbox.skiff(["save", "-o", archive, "other"]).code == 0)
    let run = ["run", "-d", "--name", "walk", "--network", "none", "box", "busybox", "sleep", "1000"]
    #expect(try sandbox.skiff(run).code == 0)
    let identifiers = sandbox.identifiers()
    try walk(
      sandbox, phase, words,
      before: {
        let loaded = try sandbox.skiff(["load", "-q", "-i", archive])
        #expect(loaded.code == 0, "\(loaded.errors)")
      },
      after: { step, _ in
        #expect(try sandbox.skiff(["exec", "walk", "busybox", "ls", "/second"]).output == "/second\n", "\(step)")
        let listed = try sandbox.skiff(["images", "-q"])
        #expect(listed.code == 0 && listed.errors == "", "\(step): \(listed.errors)")
        // Each tree has its link, and each link its tree.
        let links = try sandbox.shell(
          "cd \(sandbox.state)/l; realpath -e * | sort; ls -d $PWD/../layers/????????????????????????????????????????????????????????????????* | xargs realpath | sort"
        )
        let lines = links.output.split(separator: "\n")
        #expect(
          links.code == 0 && lines.prefix(lines.count / 2) == lines.suffix(lines.count / 2), "\(step): \(links.errors)")
        let leaks = sandbox.leaks(of: identifiers).filter { $0.contains("ingest") || $0.contains(".work") }
        #expect(leaks == [], "\(step)")
        let used = try sandbox.skiff(["run", "--rm", "--network", "none", "box", "busybox", "echo", "up"])
        #expect(used.output == "up\n", "\(step): \(used.errors)")
      })
    #expect(try sandbox.skiff(["rm", "-f", "walk"]).code == 0)
    #expect(try sandbox.skiff(["system", "prune", "-a", "-f"]).code == 0)
    for directory in ["images/blobs/sha256", "l"] {
      #expect(try entries(of: Path("\(sandbox.state)/\(directory)")).isEmpty, "\(directory)")
    }
  }

  /// The supervisor of a running container is killed; the next command finds it and finishes what it would have.
  @Test func aKilledSupervisorIsHealedByTheNextCommand() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let started = try sandbox.skiff(["run", "-d", "--name", "orphan", "--rootfs", sandbox.rootfs, "sleep", "1000"])
    #expect(started.code == 0, "\(started.errors)")
    let identifiers = sandbox.identifiers()
    let supervisor = try #require(sandbox.supervisors().first)
    try sendSignal(9, toProcess: supervisor)
    sandbox.settle()
    let listed = try sandbox.skiff(["ps", "-a", "--format", "{{.Status}}"])
    #expect(listed.output.hasPrefix("Exited (137)"), "\(listed.output)")
    #expect(try sandbox.skiff(["rm", "orphan"]).code == 0)
    #expect(sandbox.leaks(of: identifiers) == [])
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }
}
