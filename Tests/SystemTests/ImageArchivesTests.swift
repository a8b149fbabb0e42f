import Foundation
import JSON
import Testing

/// Images in and out of the program as a person moves them.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct ImageArchivesTests {
  @Test func tagsAndHistory() throws {
    try withHandMadeImage { sandbox in
      #expect(try sandbox.skiff(["tag", "hand:made", "reg.example:5000/team/hand"]).code == 0)
      #expect(
        try sandbox.skiff(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]).output.split(separator: "\n")
          .sorted()
          == ["hand:made", "reg.example:5000/team/hand:latest"])
      #expect(try sandbox.skiff(["tag", "hand:made", "Bad"]).errors.contains("must be lower case"))
      #expect(try sandbox.skiff(["tag", "nothing", "x"]).code == 1)
      let inspect = try sandbox.skiff(["image", "inspect", "-f", "{{json .RepoTags}}", "hand:made"])
      #expect(inspect.output == #"["hand:made","reg.example:5000/team/hand:latest"]"# + "\n", "\(inspect.errors)")
      #expect(try sandbox.skiff(["image", "inspect", "nothing"]).code == 1)
      let run = try sandbox.skiff(["run", "--network", "none", "--name", "maker", "hand:made", "touch", "/x"])
      #expect(run.code == 0, "\(run.errors)")
      #expect(try sandbox.skiff(["commit", "-m", "a comment", "maker", "hand:next"]).code == 0)
      let history = try sandbox.skiff(["history", "--format", "{{.CreatedBy}}|{{.Comment}}|{{.Size}}", "hand:next"])
      let lines = history.output.split(separator: "\n").map(String.init)
      // The image that a shell made tells nothing of its layer; the layer is there all the same.
      #expect(lines.count == 2 && lines.first?.hasPrefix("touch /x|a comment|") == true, "\(history)")
      #expect(lines.last?.hasPrefix("||") == true)
      let table = try sandbox.skiff(["image", "history", "hand:next"]).output.split(separator: "\n")
      #expect(table.first?.hasPrefix("IMAGE          CREATED") == true && table.last?.hasPrefix("<missing>") == true)
      #expect(try sandbox.skiff(["history", "-q", "hand:next"]).output.split(separator: "\n").last == "<missing>")
    }
  }

  @Test func imagesAreFiltered() throws {
    try withHandMadeImage { sandbox in
      let run = try sandbox.skiff(["run", "--network", "none", "--name", "maker", "hand:made", "touch", "/x"])
      #expect(run.code == 0, "\(run.errors)")
      #expect(try sandbox.skiff(["commit", "maker", "next"]).code == 0)
      #expect(try repositories("before=next", sandbox) == "hand\n")
      #expect(try repositories("since=hand:made", sandbox) == "next\n")
      #expect(try repositories("until=24h", sandbox) == "hand\n")
      #expect(try repositories("until=2010-01-01", sandbox) == "")
      #expect(try sandbox.skiff(["images", "--filter", "since=nothing"]).code != 0)
      #expect(try sandbox.skiff(["images", "--filter", "until=soon"]).code != 0)
    }
  }

  private func repositories(_ filter: String, _ sandbox: Sandbox) throws -> String {
    try sandbox.skiff(["images", "--filter", filter, "--format", "{{.Repository}}"]).output
  }

  @Test func pruneTakesWhatNobodyUses() throws {
    try withHandMadeImage { sandbox in
      for name in ["one", "two"] {
        #expect(
          try sandbox.skiff(["run", "--network", "none", "--name", name, "hand:made", "touch", "/\(name)"]).code == 0)
        #expect(try sandbox.skiff(["commit", name, "made"]).code == 0)
      }
      // The first lost its name to the second.
      let refused = try sandbox.shell("\"$0\" image prune < /dev/null")
      #expect(refused.code == 1 && refused.errors.contains("cancelled"), "\(refused)")
      #expect(refused.output.hasPrefix("WARNING! This will remove all dangling images.\n"))
      let rehearsal = try sandbox.skiff(["image", "prune", "--dry-run"])
      #expect(rehearsal.output.contains("Images to delete:\ndeleted: sha256:"), "\(rehearsal)")
      #expect(try sandbox.skiff(["images", "-q"]).output.split(separator: "\n").count == 3)
      let before = try sandbox.shell("du -s --block-size=1 \(sandbox.state) | cut -f1").output
      let pruned = try sandbox.shell("echo y | \"$0\" image prune")
      #expect(pruned.code == 0 && pruned.output.contains("Deleted Images:\ndeleted: sha256:"), "\(pruned)")
      #expect(!pruned.output.contains("reclaimed space: 0B"))
      let after = try sandbox.shell("du -s --block-size=1 \(sandbox.state) | cut -f1").output
      let freed = try #require(Int(before.dropLast())) - (try #require(Int(after.dropLast())))
      #expect(freed > 0)
      #expect(
        try sandbox.skiff(["images", "--format", "{{.Repository}}"]).output.split(separator: "\n").sorted() == [
          "hand", "made",
        ])
      // hand:made has containers, and only what filters say goes.
      #expect(
        try sandbox.skiff(["image", "prune", "-af", "--filter", "until=24h"]).output == "Total reclaimed space: 0B\n")
      #expect(
        try sandbox.skiff(["image", "prune", "-af", "--filter", "label!=made"]).output == "Total reclaimed space: 0B\n")
      let all = try sandbox.skiff(["image", "prune", "-af"])
      #expect(all.output.hasPrefix("Deleted Images:\nuntagged: made:latest\ndeleted: "), "\(all)")
      #expect(try sandbox.skiff(["images", "--format", "{{.Repository}}"]).output == "hand\n")
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "hand:made"]).output == "old\n")
    }
  }

  @Test func savedHereLoadedThere() throws {
    try withHandMadeImage { sandbox in
      let other = "\(sandbox.folder.path)/other"
      let there = ["SKIFF_ROOT": other]
      let file = "\(sandbox.folder.path)/x.tar"
      let digests = try sandbox.skiff(["images", "--digests", "--no-trunc", "--format", "{{.Digest}} {{.ID}}"]).output
      for format in ["docker-archive", "oci-archive", "oci-dir"] {
        let path = file + format
        #expect(try sandbox.skiff(["save", "--format", format, "-o", path, "hand:made"]).code == 0)
        let load = try sandbox.skiff(["load", "-i", path], environment: there)
        #expect(load.output == "Loaded image: hand:made\n", "\(load.errors)")
        #expect(
          try sandbox.skiff(
            ["images", "--digests", "--no-trunc", "--format", "{{.Digest}} {{.ID}}"], environment: there
          ).output == digests)
        #expect(
          try sandbox.skiff(["run", "--rm", "--network", "none", "hand:made"], environment: there).output == "old\n")
        #expect(try sandbox.skiff(["rmi", "hand:made"], environment: there).code == 0)
      }
      // Without the helper, which does it where ISA-L is installed.
      let alone = try sandbox.skiff(
        ["load", "-i", file + "oci-archive"], environment: there.merging(["SKIFF_LIBEXEC": "/nowhere"]) { $1 })
      #expect(alone.output == "Loaded image: hand:made\n", "\(alone.errors)")
      #expect(try sandbox.skiff(["rmi", "hand:made"], environment: there).code == 0)
      let pipe = try sandbox.shell("\"$0\" save hand:made | SKIFF_ROOT=\(other) \"$0\" load -q")
      #expect(pipe.output == "Loaded image: hand:made\n", "\(pipe.errors)")
      #expect(try sandbox.skiff(["save", "--format", "oci-dir", "hand:made"]).errors.contains("-o DIR"))
      #expect(try sandbox.skiff(["save", "-o", file, "nothing"]).code == 1)
      #expect(!FileManager.default.fileExists(atPath: file))
      let broken = try sandbox.shell("\"$0\" save hand:made | head -c 20000 | SKIFF_ROOT=\(other)2 \"$0\" load")
      #expect(broken.code == 1 && broken.errors.contains("ends in the middle"), "\(broken)")
      let garbage = try sandbox.shell("echo garbage | \"$0\" load")
      #expect(garbage.code == 1 && garbage.errors.contains("this is not an archive of images"), "\(garbage)")
      let terminal = try sandbox.shell("script -qec \"'$0' save hand:made\" /dev/null < /dev/null")
      #expect(terminal.output.contains("cowardly refusing"), "\(terminal)")
    }
  }

  /// Whoever is killed in the middle of a load leaves no image and, after the next command, no byte.
  @Test(arguments: 1...3)
  func aLoadThatIsKilled(at place: Int) throws {
    try withHandMadeImage { sandbox in
      let file = "\(sandbox.folder.path)/x.tar"
      let other = ["SKIFF_ROOT": "\(sandbox.folder.path)/other"]
      #expect(try sandbox.skiff(["save", "-o", file, "hand:made"]).code == 0)
      let killed = try sandbox.skiff(
        ["load", "-i", file], environment: other.merging(["SKIFF_KILL_AT": "load:\(place)"]) { $1 })
      #expect(killed.code == 128 + 9, "\(killed)")
      let listed = try sandbox.skiff(["images", "-q"], environment: other)
      #expect(listed.code == 0 && listed.errors == "")
      #expect(listed.output.isEmpty == (place < 3))
      #expect(try sandbox.skiff(["load", "-i", file], environment: other).output == "Loaded image: hand:made\n")
      #expect(
        try sandbox.skiff(["run", "--rm", "--network", "none", "hand:made"], environment: other).output == "old\n")
      #expect(try sandbox.skiff(["rmi", "hand:made"], environment: other).code == 0)
      let blobs = try FileManager.default.contentsOfDirectory(
        atPath: "\(sandbox.folder.path)/other/images/blobs/sha256")
      #expect(blobs.isEmpty)
    }
  }

  /// Whatever happened to a blob on the disk: it is found, the image that it belongs to is named, and no other.
  @Test(arguments: ["truncate -s -1", "truncate -s 0", "rm", "printf X | dd bs=1 count=1 seek=300 conv=notrunc of="])
  func damageIsFound(by command: String) throws {
    try withHandMadeImage { sandbox in
      let blob = try sandbox.shell("ls -S \(sandbox.state)/images/blobs/sha256/* | head -1").output.dropLast()
      let other = try sandbox.skiff(["import", sandbox.folder.path + "/none"])
      #expect(other.code != 0)
      #expect(try sandbox.shell("tar -C \(sandbox.rootfs) -c etc | \"$0\" import - small").code == 0)
      let whole = try sandbox.skiff(["image", "verify"])
      #expect(whole.code == 0 && whole.output == "hand:made: whole\nsmall:latest: whole\n", "\(whole)")
      let line = command.hasSuffix("=") ? "\(command)\(blob) 2> /dev/null" : "\(command) \(blob)"
      #expect(try sandbox.shell(line).code == 0)
      let found = try sandbox.skiff(["image", "verify"])
      #expect(found.code == 1 && found.output == "small:latest: whole\n", "\(found)")
      #expect(found.errors.contains("hand:made: blob sha256:\(blob.suffix(64))"), "\(found)")
      #expect(found.errors.contains("1 of 2 images is damaged"))
      #expect(try sandbox.skiff(["image", "verify", "small"]).code == 0)
      #expect(try sandbox.skiff(["image", "verify", "hand:made"]).code == 1)
      #expect(try sandbox.skiff(["image", "verify", "nothing"]).errors.contains("no such image"))
    }
  }
}
