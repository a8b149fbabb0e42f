import Foundation
import JSON
import Kernel
import Testing

/// `image mount` and `image unmount`.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct ImageMountTests {
  private func withImages(_ body: (Sandbox) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer {
      _ = try? sandbox.skiff(["image", "unmount", "--all", "--force"])
      sandbox.remove()
    }
    try sandbox.makeImage()
    try body(sandbox)
  }

  @Test(arguments: ["plain", "box"]) func anImageIsMountedReadOnly(image: String) throws {
    try withImages { sandbox in
      let mounted = try sandbox.skiff(["image", "mount", image])
      let path = String(mounted.output.dropLast())
      #expect(mounted.code == 0 && path.hasPrefix(sandbox.run), "\(mounted.errors)")
      #expect(FileManager.default.fileExists(atPath: "\(path)/bin/busybox"))
      // The second layer is there, too.
      #expect(FileManager.default.fileExists(atPath: "\(path)/second") == (image == "box"))
      #expect(throws: Fault.self) { try makeDirectory(Path("\(path)/new"), mode: 0o755) }
      let own = try #require(MountInformation.own().first { $0.point.string == path })
      #expect(Set(own.options).isSuperset(of: ["ro", "nosuid", "nodev"]), "\(own.options)")
      // Once more is the same mount.
      #expect(try sandbox.skiff(["image", "mount", image]).output == mounted.output)
      #expect(try sandbox.skiff(["image", "mount"]).output == "\(image):latest \(path)\n")
      let json = try JSONValue(parsing: Array(try sandbox.skiff(["image", "mount", "--format", "json"]).output.utf8))
      #expect(json[0]?["mountpoint"]?.string == path && json[0]?["Repositories"]?[0]?.string == "\(image):latest")
      let gone = try sandbox.skiff(["image", "umount", image])
      #expect(gone.output.count == 65 && gone.code == 0, "\(gone.errors)")
      #expect(!FileManager.default.fileExists(atPath: path))
      #expect(try sandbox.skiff(["image", "mount"]).output == "")
      let twice = try sandbox.skiff(["image", "unmount", image])
      #expect(twice.code == 1 && twice.errors.contains("image \(image) is not mounted"))
    }
  }

  @Test func whatIsMountedStays() throws {
    try withImages { sandbox in
      let path = String(try sandbox.skiff(["image", "mount", "box"]).output.dropLast())
      for force in [[], ["-f"]] {
        let refused = try sandbox.skiff(["rmi"] + force + ["box"])
        #expect(refused.code == 1 && refused.errors.contains("is used by a mount"), "\(refused.errors)")
      }
      let pruned = try sandbox.skiff(["system", "prune", "-a", "-f", "--keep-storage", "0"])
      #expect(pruned.output.contains("untagged: plain:latest") && !pruned.output.contains("box"), "\(pruned.output)")
      #expect(try sandbox.skiff(["image", "prune", "-a", "-f"]).output == "Total reclaimed space: 0B\n")
      #expect(FileManager.default.fileExists(atPath: "\(path)/second"))
      #expect(FileManager.default.fileExists(atPath: "\(path)/bin/busybox"))
      // Who has a file of it open keeps it, until it is taken out of sight.
      let file = try open(Path("\(path)/second"), .readOnly)
      let busy = try sandbox.skiff(["image", "unmount", "box"])
      #expect(busy.code == 1 && busy.errors.contains("--force takes it out of sight"), "\(busy.errors)")
      #expect(try sandbox.skiff(["image", "unmount", "-f", "box"]).code == 0)
      #expect(try status(of: file.borrowed).kind == .regular)
      #expect(!FileManager.default.fileExists(atPath: path))
      try file.close()
      #expect(try sandbox.skiff(["rmi", "box"]).code == 0)
    }
  }

  @Test func allOfThem() throws {
    try withImages { sandbox in
      let all = try sandbox.skiff(["image", "mount", "--all"])
      #expect(all.output.split(separator: "\n").count == 2, "\(all.errors)")
      #expect(try sandbox.skiff(["image", "mount"]).output.split(separator: "\n").count == 2)
      let missing = try sandbox.skiff(["image", "mount", "plain", "nothing"])
      #expect(missing.code == 1 && missing.output.hasPrefix("/") && missing.errors.contains("no such image"))
      #expect(try sandbox.skiff(["image", "unmount", "--all"]).output.split(separator: "\n").count == 2)
      #expect(try sandbox.skiff(["image", "unmount", "--all"]).output == "")
      #expect(try sandbox.skiff(["image", "unmount"]).code == 125)
    }
  }

  /// After a boot the records may be there still, and the mounts are not.
  @Test func aBootIsHealed() throws {
    try withImages { sandbox in
      let path = String(try sandbox.skiff(["image", "mount", "box"]).output.dropLast())
      try unmount(Path(path))
      #expect(try sandbox.skiff(["image", "mount"]).output == "")
      #expect(!FileManager.default.fileExists(atPath: path))
      #expect(try sandbox.skiff(["rmi", "box"]).code == 0)
    }
  }

  /// Where a mount cannot be seen from, nobody can tell whether it is there still: it is kept until somebody says so.
  @Test func anotherMountNamespaceKeepsItsMounts() throws {
    try withImages { sandbox in
      let other = try sandbox.start(
        ["-m", Sandbox.skiff, "image", "mount", "box"], program: "/usr/bin/unshare"
      ).finish()
      #expect(other.code == 0, "\(other.errors)")
      #expect(try sandbox.skiff(["image", "mount"]).output.hasPrefix("box:latest "))
      #expect(try sandbox.skiff(["rmi", "-f", "box"]).code == 1)
      let refused = try sandbox.skiff(["image", "unmount", "box"])
      #expect(refused.code == 1 && refused.errors.contains("another mount namespace"), "\(refused.errors)")
      #expect(try sandbox.skiff(["image", "unmount", "--force", "box"]).code == 0)
      #expect(try sandbox.skiff(["rmi", "box"]).code == 0)
    }
  }
}
