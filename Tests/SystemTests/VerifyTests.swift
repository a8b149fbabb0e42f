import Foundation
import JSON
import Testing

/// A store that is damaged on purpose: found, explained, and repaired where something is left to repair it from.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct VerifyTests {
  /// The images plain and box, of one layer and of two, which were packed here, and `packed`, whose layer is compressed.
  private func withStore(_ body: (Sandbox, Store) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer {
      _ = try? sandbox.skiff(["image", "unmount", "--all"])
      sandbox.remove()
    }
    try sandbox.makeImage()
    let pack = try sandbox.shell(
      """
      set -e; cd \(sandbox.folder.path); mkdir packed packed/blobs packed/blobs/sha256; cd packed
      put() { d=$(sha256sum < "$1" | cut -c1-64); s=$(stat -c %s "$1"); mv "$1" blobs/sha256/$d; }
      echo compressed > ../rootfs/etc/word
      tar --format=posix -C ../rootfs -cf layer .; diff=$(sha256sum < layer | cut -c1-64); gzip -n layer; put layer.gz; l=$d ls=$s
      printf '{"architecture":"%s","os":"linux","config":{"Cmd":["/bin/cat","/etc/word"],"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')" $diff > config; put config; c=$d cs=$s
      printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%s","size":%s}]}' $c $cs $l $ls > m; put m
      printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"packed:latest"}}]}' $d $s > index.json
      printf '{"imageLayoutVersion":"1.0.0"}' > oci-layout
      "$0" load -q -i .
      """)
    try #require(pack.code == 0, "\(pack.errors)")
    try #require(
      try sandbox.skiff(["image", "verify"]).output == "box:latest: whole\npacked:latest: whole\nplain:latest: whole\n")
    try body(sandbox, Store(sandbox))
  }

  /// Where things lie.
  private struct Store {
    let sandbox: Sandbox
    var images: String { sandbox.state + "/images" }
    init(_ sandbox: Sandbox) { self.sandbox = sandbox }

    func blob(_ digest: String) -> String { "\(images)/blobs/sha256/\(digest.replacing("sha256:", with: ""))" }
    func tree(_ digest: String) -> String { "\(sandbox.state)/layers/\(digest.replacing("sha256:", with: ""))" }

    /// Digests of an image: its manifest, its config, its layers and their trees.
    func parts(_ name: String) throws -> (manifest: String, config: String, layers: [String], trees: [String]) {
      func read(_ path: String) throws -> JSONValue {
        try JSONValue(parsing: Array(try Data(contentsOf: URL(filePath: path))))
      }
      let index = try read("\(images)/index.json")
      let entry = try #require(
        (index["manifests"]?.array ?? []).first {
          $0["annotations"]?["org.opencontainers.image.ref.name"]?.string == "\(name):latest"
        })
      let manifest = try #require(entry["digest"]?.string)
      let parsed = try read(blob(manifest))
      let config = try #require(parsed["config"]?["digest"]?.string)
      let layers = (parsed["layers"]?.array ?? []).compactMap { $0["digest"]?.string }
      let trees = (try read(blob(config))["rootfs"]?["diff_ids"]?.array ?? []).compactMap(\.string)
      return (manifest, config, layers, trees)
    }
  }

  private func cut(_ path: String) throws {
    let bytes = try Data(contentsOf: URL(filePath: path))
    try bytes.prefix(bytes.count / 2).write(to: URL(filePath: path))
  }

  /// The same size, another digest.
  private func flip(_ path: String) throws {
    var bytes = try Data(contentsOf: URL(filePath: path))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(filePath: path))
  }

  /// Finds the damage, says what helps, repairs it, and finds no more.
  private func expectRepair(_ sandbox: Sandbox, _ found: String, _ cure: String, _ repaired: String) throws {
    let verified = try sandbox.skiff(["image", "verify"])
    #expect(verified.code == 1 && verified.errors.contains(found), "\(verified.errors)")
    #expect(verified.errors.contains(cure), "\(verified.errors)")
    let again = try sandbox.skiff(["image", "verify", "--repair"])
    #expect(again.code == 0 && again.errors.contains(repaired), "\(again.errors)")
    let whole = try sandbox.skiff(["image", "verify"])
    #expect(whole.code == 0 && whole.errors == "", "\(whole.errors)")
    #expect(whole.output.hasPrefix("box:latest: whole\npacked:latest: whole\nplain:latest: whole\n"), "\(whole.output)")
    #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "packed"]).output == "compressed\n")
    let run = try sandbox.skiff(["run", "--rm", "--network", "none", "box", "busybox", "ls", "/second"])
    #expect(run.output == "/second\n", "\(run.errors)")
  }

  // MARK: Unpacked layers

  @Test(arguments: ["empty", "gone", "more", "mode", "bytes", "link"])
  func aTreeThatIsNotItsBlobIsUnpackedAnew(damage: String) throws {
    try withStore { sandbox, store in
      let tree = store.tree(try store.parts("packed").trees[0])
      let word = tree + "/etc/word"
      let (script, found) =
        switch damage {
        case "empty": (": > \(word)", "/etc/word is empty and should have 11 bytes")
        case "gone": ("rm \(word)", "/etc/word is missing")
        case "more": ("echo x > \(word).new", "/etc/word.new is no file of the layer")
        case "mode": ("chmod 600 \(word)", "/etc/word has mode 0600 and should have 0644")
        case "bytes":
          (
            "cp -p \(word) x; printf X | dd of=\(word) conv=notrunc 2>/dev/null; touch -r x \(word); rm x",
            "/etc/word has other contents"
          )
        default: ("ln -sfn cat \(tree)/bin/ls", "/bin/ls does not lead to busybox")
        }
      #expect(try sandbox.shell("umask 022; cd \(sandbox.folder.path); \(script)").code == 0)
      try expectRepair(sandbox, found, "--repair makes it anew", "repaired: unpacked anew from its blob")
    }
  }

  /// What runs on a layer must not have it pulled from under its feet.
  @Test func aTreeThatIsInUseWaits() throws {
    try withStore { sandbox, store in
      let run = ["run", "-d", "--name", "live", "--network", "none", "packed", "/bin/sleep", "1000"]
      #expect(try sandbox.skiff(run).code == 0)
      try Data().write(to: URL(filePath: store.tree(try store.parts("packed").trees[0]) + "/etc/word"))
      let refused = try sandbox.skiff(["image", "verify", "--repair"])
      #expect(refused.code == 1 && refused.errors.contains("stop the containers that run on it"), "\(refused.errors)")
      #expect(try sandbox.skiff(["rm", "-f", "live"]).code == 0)
      try expectRepair(sandbox, "is empty", "--repair makes it anew", "unpacked anew")
    }
  }

  @Test func recordsAndTreesBelongTogether() throws {
    try withStore { sandbox, store in
      let tree = try store.parts("packed").trees[0].dropFirst(7)
      // A link that leads nowhere, a tree that no link leads to.
      try FileManager.default.createSymbolicLink(
        atPath: sandbox.state + "/l/00000000", withDestinationPath: "../layers/" + String(repeating: "0", count: 64))
      try FileManager.default.removeItem(atPath: sandbox.state + "/l/\(tree.prefix(8))")
      let found = try sandbox.skiff(["image", "verify"])
      #expect(found.errors.contains("/l/00000000 leads to no unpacked layer"), "\(found.errors)")
      try expectRepair(
        sandbox, "the unpacked layer \(tree.prefix(12)) has no record", "--repair writes it", "repaired: written")
    }
  }

  @Test func aContainersMissingLayerIsUnpacked() throws {
    try withStore { sandbox, store in
      #expect(try sandbox.skiff(["run", "--name", "kept", "--network", "none", "box", "busybox", "true"]).code == 0)
      let tree = try store.parts("box").trees[1]
      try FileManager.default.removeItem(atPath: store.tree(tree))
      try expectRepair(
        sandbox, "which container kept stands on, is not unpacked", "--repair unpacks it", "repaired: unpacked")
      #expect(try sandbox.skiff(["diff", "kept"]).code == 0)
    }
  }

  // MARK: Blobs

  @Test(arguments: [true, false]) func aBlobThatWasPackedHereIsPackedAnew(isCut: Bool) throws {
    try withStore { sandbox, store in
      for layer in try store.parts("box").layers { try isCut ? cut(store.blob(layer)) : flip(store.blob(layer)) }
      try expectRepair(
        sandbox, isCut ? "it has not the " : "its contents have another digest",
        "--repair packs it anew from its unpacked tree",
        "repaired: packed anew from its unpacked tree")
    }
  }

  /// A compressed blob cannot be made of its tree; the image runs on, and comes back by a load.
  @Test(arguments: ["cut", "flip", "gone"]) func aBlobFromElsewhereHasToComeAgain(damage: String) throws {
    try withStore { sandbox, store in
      let blob = store.blob(try store.parts("packed").layers[0])
      switch damage {
      case "cut": try cut(blob)
      case "flip": try flip(blob)
      default: try FileManager.default.removeItem(atPath: blob)
      }
      let verified = try sandbox.skiff(["image", "verify", "--repair"])
      #expect(verified.code == 1 && verified.output == "box:latest: whole\nplain:latest: whole\n", "\(verified.errors)")
      #expect(verified.errors.contains("packed:latest has to be pulled or loaded again"), "\(verified.errors)")
      #expect(verified.errors.contains("until then it runs"), "\(verified.errors)")
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "packed"]).output == "compressed\n")
      #expect(try sandbox.skiff(["images", "-q"]).output.split(separator: "\n").count == 3)
      let loaded = try sandbox.skiff(["load", "-q", "-i", sandbox.folder.path + "/packed"])
      #expect(loaded.code == 0, "\(loaded.errors)")
      let whole = try sandbox.skiff(["image", "verify"])
      #expect(whole.code == 0 && whole.output.contains("packed:latest: whole"), "\(whole.errors)")
    }
  }

  /// Only when told to; and not while a container stands on it.
  @Test func whatIsLostIsRemovedWhenTold() throws {
    try withStore { sandbox, store in
      try cut(store.blob(try store.parts("packed").layers[0]))
      #expect(try sandbox.skiff(["run", "--name", "kept", "--network", "none", "packed"]).code == 0)
      let used = try sandbox.skiff(["image", "verify", "--repair", "--remove-lost"])
      #expect(used.code == 1 && !used.errors.contains("removed"), "\(used.errors)")
      #expect(try sandbox.skiff(["rm", "kept"]).code == 0)
      let removed = try sandbox.skiff(["image", "verify", "--repair", "--remove-lost"])
      #expect(removed.code == 0 && removed.errors.contains("packed:latest: removed"), "\(removed.errors)")
      #expect(try sandbox.skiff(["image", "verify"]).output == "box:latest: whole\nplain:latest: whole\n")
    }
  }

  @Test(arguments: ["manifest", "config"]) func aDocumentOfAnImageIsLost(part: String) throws {
    try withStore { sandbox, store in
      let parts = try store.parts("packed")
      try flip(store.blob(part == "manifest" ? parts.manifest : parts.config))
      let verified = try sandbox.skiff(["image", "verify", "--repair"])
      #expect(verified.code == 1 && verified.errors.contains("packed:latest has to be pulled or loaded again"))
      #expect(try sandbox.skiff(["load", "-q", "-i", sandbox.folder.path + "/packed"]).code == 0)
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
    }
  }

  // MARK: The list and the layout

  @Test(arguments: ["gone", "garbage", "empty"]) func theListIsMadeAnew(damage: String) throws {
    try withStore { sandbox, store in
      let list = URL(filePath: store.images + "/index.json")
      switch damage {
      case "gone": try FileManager.default.removeItem(at: list)
      case "garbage": try cut(list.path)
      default: try Data().write(to: list)
      }
      if damage != "gone" {
        let refused = try sandbox.skiff(["images"])
        #expect(refused.code != 0 && refused.errors.contains("skiff image verify --repair"), "\(refused.errors)")
      }
      try expectRepair(
        sandbox, "index.json is \(damage == "gone" ? "missing" : "damaged")", "--repair makes it anew of 3 manifests",
        "repaired: made anew of 3 manifests in the blobs, with the names box:latest, packed:latest, plain:latest")
    }
  }

  /// Without the copy the names are what containers remember; the images are there all the same.
  @Test func namesThatNobodyKnowsAreLost() throws {
    try withStore { sandbox, store in
      #expect(try sandbox.skiff(["run", "--name", "kept", "--network", "none", "packed"]).code == 0)
      for name in ["index.json", "index.copy.json"] {
        try FileManager.default.removeItem(atPath: "\(store.images)/\(name)")
      }
      let repaired = try sandbox.skiff(["image", "verify", "--repair"])
      #expect(repaired.code == 0 && repaired.errors.contains("with the name packed:latest"), "\(repaired.errors)")
      let names = try sandbox.skiff(["images", "--format", "{{.Repository}}"]).output.split(separator: "\n")
      #expect(names.sorted() == ["<none>", "<none>", "packed"])
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "packed"]).output == "compressed\n")
    }
  }

  @Test(arguments: [true, false]) func theLayoutIsMadeAnew(isGone: Bool) throws {
    try withStore { sandbox, store in
      let layout = URL(filePath: store.images + "/oci-layout")
      if isGone { try FileManager.default.removeItem(at: layout) } else { try Data("{}".utf8).write(to: layout) }
      let found = try sandbox.skiff(["image", "verify"])
      #expect(
        found.code == 1 && found.errors.contains("oci-layout is \(isGone ? "missing" : "damaged")"), "\(found.errors)")
      let repaired = try sandbox.skiff(["image", "verify", "--repair"])
      #expect(repaired.code == 0, "\(repaired.errors)")
      #expect(try sandbox.skiff(["image", "verify"]).errors == "")
      #expect(try String(contentsOf: layout, encoding: .utf8) == #"{"imageLayoutVersion":"1.0.0"}"#)
    }
  }

  /// Killed in the middle of a repair, the next one goes on.
  @Test(arguments: ["layer:1", "layer:2", "removing:0", "removing:1"]) func aRepairThatWasKilledIsDoneAgain(
    step: String
  ) throws {
    try withStore { sandbox, store in
      try Data().write(to: URL(filePath: store.tree(try store.parts("packed").trees[0]) + "/etc/word"))
      let killed = try sandbox.skiff(["image", "verify", "--repair"], environment: ["SKIFF_KILL_AT": step])
      #expect(killed.code != 0 && killed.errors == "", "\(killed.errors)")
      #expect(try sandbox.skiff(["image", "verify", "--repair"]).code == 0)
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "packed"]).output == "compressed\n")
      #expect(try sandbox.skiff(["image", "verify"]).errors == "")
    }
  }
}
