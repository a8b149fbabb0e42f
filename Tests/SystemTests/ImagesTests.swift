import Foundation
import JSON
import Kernel
import Testing

/// Images as a person uses them.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct ImagesTests {
  @Test func anImageMadeByHandIsListedAndRuns() throws {
    try withHandMadeImage { sandbox in
      let list = try sandbox.skiff(["images"])
      #expect(list.code == 0, "\(list.errors)")
      #expect(list.output.contains("hand") && list.output.contains("made") && list.output.contains("years ago"))
      #expect(try sandbox.skiff(["images", "-q"]).output.count == 13)
      #expect(
        try sandbox.skiff(["images", "--format", "{{.Repository}}:{{.Tag}}", "h*d:ma?e"]).output == "hand:made\n")
      #expect(try sandbox.skiff(["images", "-q", "--filter", "label=made=by hand"]).output.count == 13)
      #expect(try sandbox.skiff(["images", "-q", "other"]).output == "")
      let run = try sandbox.skiff(["run", "--rm", "--network", "none", "hand:made"])
      #expect(run.code == 0, "\(run.errors)")
      #expect(run.output == "old\n")
      let other = try sandbox.skiff(["run", "--rm", "--network", "none", "hand:made", "sh", "-c", "echo $FROM; pwd"])
      #expect(other.output == "image\n/data\n", "\(other.errors)")
      let missing = try sandbox.skiff(["run", "--rm", "--pull", "never", "hand"])
      #expect(missing.code == 125)
      #expect(missing.errors.contains("no such image: hand:latest"))
    }
  }

  @Test func aLayerKeepsAChange() throws {
    try withHandMadeImage { sandbox in
      let change = "echo new > file; rm gone; rm -r sub; mkdir sub; echo y > sub/y; echo added > /added"
      let run = try sandbox.skiff(["run", "--network", "none", "--name", "changer", "hand:made", "sh", "-c", change])
      #expect(run.code == 0, "\(run.errors)")
      let diff = try sandbox.skiff(["diff", "changer"])
      let expected = [
        "A /added", "C /data", "C /data/file", "D /data/gone", "C /data/sub", "D /data/sub/x", "A /data/sub/y",
      ]
      // Mount points that the container needed are changes too.
      let lines = diff.output.split(separator: "\n").map(String.init).filter {
        !["A /dev", "A /proc", "A /sys"].contains($0)
      }
      #expect(lines.filter { !$0.contains("/etc") } == expected, "\(diff.errors)")
      let json = try JSONValue(parsing: Array(try sandbox.skiff(["diff", "--json", "changer"]).output.utf8))
      #expect(json.array?.contains(["Path": "/added", "Kind": 1]) == true)
      // The image is as it was.
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "hand:made"]).output == "old\n")
      let commit = try sandbox.skiff([
        "commit", "-m", "kept", "-a", "me", "-c", "ENV FROM=commit", "-c", #"CMD ["cat","/added"]"#, "changer", "kept",
      ])
      #expect(commit.code == 0, "\(commit.errors)")
      #expect(commit.output.hasPrefix("sha256:"))
      let kept = try sandbox.skiff([
        "run", "--rm", "--network", "none", "kept", "sh", "-c", "cat file sub/*; ls /data; cat /added; echo $FROM",
      ])
      #expect(kept.output == "new\ny\nfile\nsub\nadded\ncommit\n", "\(kept.errors)")
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "kept"]).output == "added\n")
      #expect(try sandbox.skiff(["commit", "-c", "RUN x", "changer"]).code != 0)
      let used = try sandbox.skiff(["rmi", "hand:made"])
      #expect(used.code == 1)
      #expect(used.errors.contains("changer"))
      #expect(try sandbox.skiff(["rm", "changer"]).code == 0)
      #expect(try sandbox.skiff(["rmi", "hand:made"]).code == 0)
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "kept", "cat", "file"]).output == "new\n")
      #expect(try sandbox.skiff(["rmi", "kept", "nothing"]).code == 1)
      #expect(try sandbox.skiff(["images", "-q"]).output == "")
      let blobs = try FileManager.default.contentsOfDirectory(atPath: sandbox.state + "/images/blobs/sha256")
      #expect(blobs.isEmpty)
    }
  }

  @Test func containersOfOneImageDoNotSeeEachOther() throws {
    try withHandMadeImage { sandbox in
      let calls = try (1...6).map { number in
        try sandbox.start([
          "run", "--rm", "--network", "none", "hand:made", "sh", "-c", "echo \(number) > file; sleep 0.5; cat file",
        ])
      }
      for (number, call) in zip(1..., calls) {
        let result = call.finish()
        #expect(result.output == "\(number)\n", "\(result.errors)")
      }
      // One tree serves them all.
      let layers = try FileManager.default.contentsOfDirectory(atPath: sandbox.state + "/layers")
      #expect(layers.filter { $0.count == 64 }.count == 1)
      #expect(
        try String(
          contentsOfFile: sandbox.state + "/layers/\(layers.first { $0.count == 64 } ?? "")/data/file", encoding: .utf8)
          == "old\n")
    }
  }

  @Test func whatAKilledCommandLeftIsTakenAway() throws {
    try withHandMadeImage { sandbox in
      #expect(try sandbox.skiff(["run", "--rm", "--network", "none", "hand:made"]).code == 0)
      let left = ["layers/.work/1.2.3/tree/x", "images/ingest/1.2.3"].map { "\(sandbox.state)/\($0)" }
      try FileManager.default.createDirectory(atPath: left[0], withIntermediateDirectories: true)
      FileManager.default.createFile(atPath: left[1], contents: nil)
      #expect(try sandbox.skiff(["ps"]).code == 0)
      #expect(left.filter { FileManager.default.fileExists(atPath: $0) } == [])
      #expect(!FileManager.default.fileExists(atPath: "\(sandbox.state)/layers/.work/1.2.3"))
    }
  }

  /// The disk fills up in the middle of a commit: the error says so, and nothing is left of it.
  @Test func aFullDiskIsSaidAndLeavesNothing() throws {
    try withHandMadeImage { sandbox in
      let shell = Process()
      shell.executableURL = URL(filePath: "/usr/bin/unshare")
      shell.arguments = [
        "-m", "sh", "-c",
        """
        cp -a "$SKIFF_ROOT" "$SAVED"; mount -t tmpfs -o size=24m none "$SKIFF_ROOT"; cp -a "$SAVED"/. "$SKIFF_ROOT"; cd "$SKIFF_ROOT"
        "$SKIFF" run --network none --name big hand:made sh -c 'cat /bin/busybox /bin/busybox > a' || exit 90
        room=$(( $(stat -f -c %a .) * $(stat -f -c %S .) )); [ $room -gt 9000000 ] || exit 91
        head -c $(( room - 500000 )) /dev/zero > filler
        "$SKIFF" commit big full; echo "code $?"; ls images/ingest layers/.work; "$SKIFF" images --format '{{.Repository}}'
        rm filler; "$SKIFF" commit big full > /dev/null; echo "code $?"; "$SKIFF" rm big
        """,
      ]
      shell.environment = [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SKIFF_ROOT": sandbox.state, "SKIFF_STATE": sandbox.run,
        "SKIFF": Sandbox.skiff, "SAVED": sandbox.folder.path + "/saved",
      ]
      let pipe = Pipe()
      shell.standardOutput = pipe
      shell.standardError = pipe
      try shell.run()
      let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      shell.waitUntilExit()
      #expect(output.contains("no space left on device"))
      #expect(output.contains("hint: the disk is full"))
      let rest = output.split(separator: "\n").map(String.init).filter {
        !$0.hasPrefix("skiff:") && !$0.hasPrefix("hint:")
      }
      #expect(rest == ["code 1", "images/ingest:", "layers/.work:", "hand", "code 0", "big"], "\(output)")
    }
  }

  @Test func aDamagedImageSaysSo() throws {
    try withHandMadeImage { sandbox in
      let index = sandbox.state + "/images/index.json"
      let digest = try #require(
        try JSONValue(parsing: Array(try String(contentsOfFile: index, encoding: .utf8).utf8))["manifests"]?[0]?[
          "digest"]?.string)
      let manifest = sandbox.state + "/images/blobs/sha256/" + digest.dropFirst(7)
      let bytes = try String(contentsOfFile: manifest, encoding: .utf8)
      try Data(bytes.replacing("layer.v1.tar", with: "layer.v1.ta2").utf8).write(to: URL(filePath: manifest))
      let run = try sandbox.skiff(["run", "--rm", "hand:made"])
      #expect(run.code == 125)
      #expect(run.errors.contains("is damaged"), "\(run.errors)")
      let list = try sandbox.skiff(["images", "-q"])
      #expect(list.code == 0 && list.output == "")
      #expect(list.errors.contains("hand:made is left out") && list.errors.contains("is damaged"), "\(list.errors)")
      #expect(try sandbox.skiff(["ps", "-aq"]).output == "")
      #expect(try sandbox.skiff(["rmi", "-f", "hand:made"]).code == 0)
      #expect(try sandbox.skiff(["images"]).errors == "")
    }
  }
}
