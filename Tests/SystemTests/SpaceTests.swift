import Foundation
import JSON
import Testing

/// `system df` and `system prune`, on stores with something of every kind.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct SpaceTests {
  /// Two images that share a layer and one of its own, a running container, one that has ended, volumes, a network.
  private func withStore(_ body: (Sandbox) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer {
      _ = try? sandbox.skiff(["rm", "-f", "live"])
      _ = try? sandbox.skiff(["image", "unmount", "--all"])
      _ = try? sandbox.skiff(["network", "rm", "-f", "empty"])
      sandbox.remove()
    }
    let write = "busybox dd if=/dev/zero of=/big bs=1k count=200; busybox ln /big /again; busybox echo x > /data/x"
    let calls = [
      ["stage", "-q", "-t", "plain", "busybox"],
      [
        "run", "--name", "seed", "--network", "none", "-v", "data:/data", "-v", "/nameless", "plain", "busybox", "sh",
        "-c", write,
      ],
      ["commit", "seed", "box"], ["stage", "-q", "-t", "other", "busybox", "true"],
      ["run", "-d", "--name", "live", "--network", "none", "box", "busybox", "sleep", "1000"],
      ["network", "create", "empty"],
    ]
    for words in calls {
      let result = try sandbox.skiff(words)
      try #require(result.code == 0, "\(words): \(result.errors)")
    }
    try body(sandbox)
  }

  private func diskUsage(_ path: String, _ sandbox: Sandbox) throws -> Int64? {
    let du = try sandbox.start(["-c", "du -sB1 '\(path)' | cut -f 1"], program: "/bin/sh").finish()
    return Int64(du.output.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  private func sum(_ field: String, _ sandbox: Sandbox) throws -> Int64 {
    let lines = try sandbox.skiff(["system", "df", "--format", "json"]).output.split(separator: "\n")
    return try lines.reduce(0) { sum, line in
      guard case .number(.integer(let bytes))? = try JSONValue(parsing: Array(line.utf8))[field] else { return sum }
      return sum + bytes
    }
  }

  @Test func theSumIsWhatDuSays() throws {
    try withStore { sandbox in
      #expect(try sum("SizeBytes", sandbox) == diskUsage(sandbox.state, sandbox))
      let detail = try sandbox.skiff(["system", "df", "-v", "--format", "{{.Size}}"]).output
      #expect(Int64(detail.dropLast()) == (try diskUsage(sandbox.state, sandbox)))
      // Killed in the middle of a commit, the store has halves of things in it, which take space as everything does.
      let killed = try sandbox.skiff(["commit", "seed", "third"], environment: ["SKIFF_KILL_AT": "commit:2"])
      #expect(killed.code == 137, "\(killed)")
      #expect(try sum("SizeBytes", sandbox) == diskUsage(sandbox.state, sandbox))
      let table = try sandbox.skiff(["system", "df"]).output.split(separator: "\n").map(String.init)
      #expect(table.first == "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE")
      #expect(table.contains { $0.hasPrefix("Images          3         2 ") }, "\(table)")
      #expect(table.contains { $0.hasPrefix("Containers      2         1 ") }, "\(table)")
      #expect(table.contains { $0.hasPrefix("Local Volumes   3         3 ") }, "\(table)")
      #expect(table.contains { $0.hasPrefix("Layer Cache     3         2 ") }, "\(table)")
      let verbose = try sandbox.skiff(["system", "df", "-v"]).output
      for word in [
        "Images space usage:", "Containers space usage:", "Local Volumes space usage:", "Layer cache usage:",
        "SHARED SIZE", "data",
      ] {
        #expect(verbose.contains(word), "\(verbose)")
      }
    }
  }

  /// What a rehearsal says is what goes, line by line, and as many bytes as du then misses.
  @Test(arguments: [[], ["-a"], ["-a", "--volumes"], ["-a", "--keep-storage", "0"]])
  func aRehearsalTellsWhatGoes(options: [String]) throws {
    try withStore { sandbox in
      // Killed in the middle, and not healed since.
      let killed = try sandbox.skiff(["commit", "seed", "third"], environment: ["SKIFF_KILL_AT": "commit:1"])
      #expect(killed.code == 137, "\(killed)")
      let rehearsed = try sandbox.skiff(["system", "prune", "--dry-run"] + options)
      let before = try #require(try diskUsage(sandbox.state, sandbox))
      let done = try sandbox.skiff(["system", "prune", "-f"] + options)
      let after = try #require(try diskUsage(sandbox.state, sandbox))
      #expect(rehearsed.code == 0 && done.code == 0, "\(rehearsed.errors)\(done.errors)")
      func lines(_ result: Sandbox.Result) -> [String] {
        result.output.split(separator: "\n").map(String.init).map { line in
          line.replacing("Deleted ", with: "").replacing(" to delete:", with: ":").replacing(
            "reclaimable", with: "reclaimed")
        }
      }
      #expect(lines(rehearsed) == lines(done))
      #expect(done.output.contains("Deleted Containers:") && done.output.contains("Deleted Networks:\nempty\n"))
      #expect(done.output.contains("Total reclaimed space: "), "\(done.output)")
      // Directories keep their blocks, and index.json has become another size.
      #expect(before - after > 0)
      let said = try #require(done.output.split(separator: "\n").last?.split(separator: " ").last)
      #expect(said != "0B")
      // The running container is untouched, and so is all that it stands on.
      #expect(try sandbox.skiff(["exec", "live", "busybox", "ls", "/big"]).output == "/big\n")
      let names = try sandbox.skiff(["images", "--format", "{{.Repository}}"]).output.split(separator: "\n")
      #expect(Set(names) == (options.contains("-a") ? ["box"] : ["box", "plain", "other"]))
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "box", "busybox", "echo", "up"]).output == "up\n")
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
      #expect(try sum("SizeBytes", sandbox) == diskUsage(sandbox.state, sandbox))
      let volumes = try FileManager.default.contentsOfDirectory(atPath: sandbox.state + "/volumes")
      // The running container has a volume without a name, and so had the one that has ended.
      #expect(volumes.contains("data"))
      #expect(volumes.count { $0.count == 64 } == (options.contains("--volumes") ? 1 : 2))
    }
  }

  @Test func onlyWhatTheFiltersSayGoes() throws {
    try withStore { sandbox in
      let words = ["run", "--name", "marked", "--label", "stage=test", "--network", "none", "plain", "busybox", "true"]
      #expect(try sandbox.skiff(words).code == 0)
      let old = try sandbox.skiff(["system", "prune", "-f", "--filter", "until=1h"])
      #expect(old.output == "Total reclaimed space: 0B\n", "\(old.output)\(old.errors)")
      let labelled = try sandbox.skiff(["system", "prune", "-a", "-f", "--filter", "label=stage=test"])
      #expect(labelled.output.split(separator: "\n").count == 3, "\(labelled.output)")
      #expect(try sandbox.skiff(["ps", "-a", "--format", "{{.Names}}"]).output == "live\nseed\n")
      let refused = try sandbox.skiff(["system", "prune", "-f", "--volumes", "--filter", "until=1h"])
      #expect(refused.code == 125 && refused.errors.contains("\"until\" filter is not supported with \"--volumes\""))
      let asked = try sandbox.shell("echo n | \"$0\" system prune")
      #expect(asked.output.contains("- all stopped containers\n") && asked.output.hasSuffix("[y/N] "))
      #expect(asked.code == 1 && asked.errors.contains("has been cancelled"))
      #expect(try sandbox.skiff(["ps", "-aq"]).output.split(separator: "\n").count == 2)
    }
  }

  // MARK: - The cache of unpacked layers

  @Test func theCacheCanBeThrownAway() throws {
    try withStore { sandbox in
      #expect(try sandbox.skiff(["rm", "-f", "live"]).code == 0)
      for name in ["layers", "l"] { try FileManager.default.removeItem(atPath: "\(sandbox.state)/\(name)") }
      for image in ["box", "plain", "other"] {
        let run = try sandbox.skiff(["run", "--rm", "--network", "none", image, "busybox", "echo", image])
        #expect(run.output == "\(image)\n", "\(run.errors)")
      }
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
      #expect(try sum("SizeBytes", sandbox) == diskUsage(sandbox.state, sandbox))
    }
  }

  private func trees(_ sandbox: Sandbox) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.state)/layers").filter { $0.count == 64 })
  }

  /// What was used last stays; what a container or a mount stands on does, whenever it was used.
  @Test func whatWasNotUsedForLongestGoesFirst() throws {
    try withStore { sandbox in
      for name in ["one", "two"] {
        #expect(try sandbox.skiff(["stage", "-q", "-t", name, "busybox", "\(name == "one" ? "cat" : "ls")"]).code == 0)
      }
      let all = try trees(sandbox)
      #expect(all.count == 5)
      let use = { (name: String) in try sandbox.skiff(["run", "--rm", "--network", "none", name, "busybox", "true"]) }
      for name in ["two", "one", "other"] { #expect(try use(name).code == 0) }
      let rehearsed = try sandbox.skiff([
        "system", "prune", "-f", "--dry-run", "--keep-storage", "0", "--filter", "label=none",
      ])
      #expect(rehearsed.output.contains("Unpacked Layers to delete:"), "\(rehearsed.output)")
      #expect(try trees(sandbox) == all)
      let sizes = try JSONValue(
        parsing: Array(try sandbox.skiff(["system", "df", "-v", "--format", "json"]).output.utf8))["LayerCache"]
      let total = (sizes?.array ?? []).reduce(Int64(0)) { sum, tree in
        guard case .number(.integer(let size))? = tree["Size"] else { return sum }
        return sum + size
      }
      // One byte less than all of them: one has to go.
      let pruned = try sandbox.skiff([
        "system", "prune", "-f", "--keep-storage", "\(total - 1)", "--filter", "label=none",
      ])
      #expect(pruned.code == 0, "\(pruned.errors)")
      let left = try trees(sandbox)
      #expect(all.subtracting(left).count == 1)
      // It was the one that `two` has, for it comes back when that is run, and no other does.
      for name in ["one", "other"] { #expect(try use(name).code == 0) }
      #expect(try trees(sandbox) == left)
      #expect(try use("two").code == 0)
      #expect(try trees(sandbox) == all)
      // By the environment every command sees to it; the two that `live` stands on stay.
      #expect(try sandbox.skiff(["image", "mount", "one"]).code == 0)
      #expect(try sandbox.skiff(["ps"], environment: ["SKIFF_CACHE_SIZE": "0"]).code == 0)
      #expect(try trees(sandbox).count == 3)
      #expect(try sandbox.skiff(["exec", "live", "busybox", "ls", "/big"]).output == "/big\n")
      let refused = try sandbox.skiff(["ps"], environment: ["SKIFF_CACHE_SIZE": "much"])
      #expect(refused.code == 125 && refused.errors.contains("SKIFF_CACHE_SIZE=much is no size"))
      for name in ["one", "two", "other"] { #expect(try use(name).code == 0) }
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
    }
  }

  /// A tree whose blob is gone is all that is left of its layer.
  @Test func aTreeThatCannotBeMadeAgainStays() throws {
    try withStore { sandbox in
      #expect(try sandbox.skiff(["rm", "-f", "live", "seed"]).code == 0)
      let blobs = "\(sandbox.state)/images/blobs/sha256"
      let layers = try trees(sandbox)
      // Layers that are made here are not compressed, so the tree has the blob's name.
      for layer in layers { try FileManager.default.removeItem(atPath: "\(blobs)/\(layer)") }
      #expect(try sandbox.skiff(["system", "prune", "-f", "--keep-storage", "0"]).code == 0)
      #expect(try trees(sandbox) == layers)
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "box", "busybox", "echo", "up"]).output == "up\n")
    }
  }

  /// Containers are started while others prune: nobody's layers go between its look at the image and its record.
  @Test func nobodyLosesTheLayersThatHeIsAboutToUse() throws {
    try withStore { sandbox in
      let pruning = try (0..<2).map { _ in
        try sandbox.start(
          [
            "-c", "for i in $(seq 12); do \"$0\" system prune -f --keep-storage 0 --filter label=none || exit 1; done",
            Sandbox.skiff,
          ],
          program: "/bin/bash")
      }
      for round in 0..<12 {
        let run = try sandbox.skiff(["run", "--rm", "--network", "none", "other", "busybox", "echo", "\(round)"])
        #expect(run.output == "\(round)\n", "\(run.errors)")
      }
      for call in pruning {
        let result = call.finish()
        #expect(result.code == 0, "\(result.errors)")
      }
    }
  }
}
