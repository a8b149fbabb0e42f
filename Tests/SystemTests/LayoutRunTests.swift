import Foundation
import Testing

/// Images that are in no store: layouts that run where they lie, and trees that come and go as one tar.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct LayoutRunTests {
  /// A sandbox, and a layout with hand:made in it beside its state.
  private func withLayout(_ body: (Sandbox, String) throws -> Void) throws {
    try withHandMadeImage { sandbox in
      let layout = "\(sandbox.folder.path)/layout"
      let save = try sandbox.skiff(["save", "--format", "oci-dir", "-o", layout, "hand:made"])
      #expect(save.code == 0, "\(save.errors)")
      #expect(try sandbox.skiff(["rmi", "hand:made"]).code == 0)
      try body(sandbox, layout)
    }
  }

  private func run(_ sandbox: Sandbox, _ image: String, _ words: String...) throws -> Sandbox.Result {
    try sandbox.skiff(["run", "--rm", "--network", "none", image] + words)
  }

  @Test func aLayoutRunsWhereItLies() throws {
    try withLayout { sandbox, layout in
      let name = "docker.io/library/hand:made"
      for image in [layout, "\(layout):\(name)", "oci:\(layout)", "oci:\(layout):\(name)"] {
        let run = try run(sandbox, image)
        #expect(run.code == 0 && run.output == "old\n", "\(image): \(run.errors)")
      }
      let relative = try sandbox.shell(
        "cd \(sandbox.folder.path) && \"$0\" run --rm --network none ./layout && cd layout && \"$0\" run --rm --network none ."
      )
      #expect(relative.output == "old\nold\n", "\(relative.errors)")
      // No blob was copied, and no image listed; the layout is as it was.
      #expect(try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.state)/images/blobs/sha256").isEmpty)
      #expect(try sandbox.skiff(["images", "-q"]).output == "")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: layout).sorted() == ["blobs", "index.json", "oci-layout"])
    }
  }

  @Test func whatIsNotThereIsSaid() throws {
    try withLayout { sandbox, layout in
      let name = try run(sandbox, "oci:\(layout):other")
      #expect(name.code == 125 && name.errors.contains("has no image named other"), "\(name)")
      let directory = try run(sandbox, sandbox.rootfs)
      #expect(directory.code == 125 && directory.errors.contains("--rootfs \(sandbox.rootfs)"), "\(directory)")
      #expect(try run(sandbox, "./nowhere").errors.contains("there is no such directory"))
      try FileManager.default.removeItem(atPath: "\(layout)/blobs")
      #expect(try run(sandbox, layout).errors.contains("is missing"))
    }
  }

  /// The layers stay as long as a container stands on them, though no image of the store has them.
  @Test func itsLayersStayWhileAContainerNeedsThem() throws {
    try withLayout { sandbox, layout in
      let run = try sandbox.skiff(["run", "--network", "none", "--name", "maker", layout, "sh", "-c", "echo x > /new"])
      #expect(run.code == 0, "\(run.errors)")
      #expect(try sandbox.skiff(["image", "prune", "-af"]).output == "Total reclaimed space: 0B\n")
      #expect(try sandbox.skiff(["diff", "maker"]).output.contains("A /new"))
      let commit = try sandbox.skiff(["commit", "maker", "next"])
      #expect(commit.code != 0 && commit.errors.contains("skiff load -i \(layout)"), "\(commit)")
      #expect(try sandbox.skiff(["load", "-i", layout]).code == 0)
      #expect(try sandbox.skiff(["commit", "maker", "next"]).code == 0)
      #expect(try self.run(sandbox, "next", "cat", "/new").output == "x\n")
      #expect(try sandbox.skiff(["rm", "maker"]).code == 0)
      #expect(try sandbox.skiff(["image", "prune", "-af"]).code == 0)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: "\(sandbox.state)/layers").filter { $0.count == 64 } == [])
    }
  }

  @Test func aTreeGoesOutAndComesInAgain() throws {
    try withLayout { sandbox, layout in
      let change = "echo new > file; rm gone; rm -r sub; mkdir sub; echo y > sub/y"
      let run = try sandbox.skiff(["run", "--network", "none", "--name", "maker", layout, "sh", "-c", change])
      #expect(run.code == 0, "\(run.errors)")
      let tar = "\(sandbox.folder.path)/x.tar"
      #expect(try sandbox.skiff(["export", "-o", tar, "maker"]).code == 0)
      #expect(try sandbox.shell("\"$0\" export maker | cmp - \(tar)").code == 0)
      let names = try sandbox.shell("tar tf \(tar) | grep '^data' | sort").output
      #expect(names == "data/\ndata/file\ndata/sub/\ndata/sub/y\n")
      let imported = try sandbox.skiff([
        "import", "-c", #"CMD ["cat","/data/file"]"#, "-m", "from a tar", tar, "tree:1",
      ])
      #expect(imported.code == 0 && imported.output.hasPrefix("sha256:"), "\(imported)")
      #expect(try self.run(sandbox, "tree:1").output == "new\n")
      #expect(try sandbox.skiff(["history", "--format", "{{.Comment}}", "tree:1"]).output == "from a tar\n")
      let piped = try sandbox.shell("\"$0\" import - < \(tar)")
      #expect(piped.output.count == 72, "\(piped)")
      #expect(try sandbox.skiff(["images", "-q", "--filter", "dangling=true"]).output.count == 13)
      let bad = try sandbox.shell("head -c 3000 \(tar) | \"$0\" import - bad")
      #expect(bad.code == 1 && bad.errors.contains("ends in the middle"), "\(bad)")
      #expect(try sandbox.skiff(["images", "-q", "bad"]).output == "")
      #expect(try sandbox.skiff(["import", "https://example.org/x.tar"]).errors.contains("curl -fsSL"))
      // A container on a directory has one tree.
      let rooted = try sandbox.skiff([
        "run", "--network", "none", "--name", "rooted", "--rootfs", sandbox.rootfs, "true",
      ])
      #expect(rooted.code == 0, "\(rooted.errors)")
      #expect(try sandbox.shell("\"$0\" export rooted | tar t").output.contains("bin/busybox\n"))
    }
  }

  @Test func theManifestIsShownAsItIs() throws {
    try withLayout { sandbox, layout in
      let load = try sandbox.skiff(["load", "-i", layout])
      #expect(load.code == 0, "\(load.errors)")
      let shown = try sandbox.skiff(["manifest", "inspect", "hand:made"])
      #expect(
        shown.output.hasPrefix("{\n  \"schemaVersion\": 2,\n  \"mediaType\": \"application/vnd.oci.image.manifest"))
      #expect(try sandbox.skiff(["manifest", "inspect", "nothing"]).code == 1)
    }
  }
}
