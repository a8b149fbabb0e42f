import Foundation
import Testing

/// A store on a disk that is mounted read-only: who looks is served, and who writes is told what to do.
@Suite(.enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct ReadOnlyStoreTests {
  @Test func whoLooksIsServedAndWhoWritesIsTold() throws {
    try withHandMadeImage { sandbox in
      let folder = sandbox.folder.path
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
      #expect(try sandbox.skiff(["save", "-o", folder + "/image.tar", "hand:made"]).code == 0)
      func there(_ words: String) throws -> Sandbox.Result {
        let script =
          "mount --bind \(sandbox.state) \(sandbox.state); mount -o remount,bind,ro \(sandbox.state); exec \(words)"
        return try sandbox.start(
          ["-m", "--propagation", "private", "/bin/sh", "-ec", script, Sandbox.skiff], program: "/usr/bin/unshare"
        ).finish()
      }
      let verified = try there("\"$0\" image verify")
      #expect(verified.code == 0 && verified.output == "hand:made: whole\n", "\(verified)")
      let saved = try there("\"$0\" save -o \(folder)/again.tar hand:made")
      #expect(saved.code == 0, "\(saved)")
      #expect(try sandbox.shell("cmp \(folder)/image.tar \(folder)/again.tar").code == 0)
      #expect(try there("\"$0\" images -q").output.count == 13)
      for words in ["load -i \(folder)/image.tar", "tag hand:made x", "rmi hand:made", "image verify --repair"] {
        let refused = try there("\"$0\" \(words)")
        #expect(refused.code != 0 && refused.errors.contains("read-only file system"), "\(words): \(refused)")
        #expect(
          refused.errors.contains("hint: the file system is mounted read-only: keep Skiff's state elsewhere"),
          "\(words): \(refused)")
      }
    }
  }

  @Test func aDirectoryIsNoTar() throws {
    try withHandMadeImage { sandbox in
      let imported = try sandbox.skiff(["import", sandbox.rootfs])
      #expect(imported.code == 125 && imported.errors.contains("is a directory, and import reads a tar of one"))
      #expect(imported.errors.contains("tar -C \(sandbox.rootfs) -c . | skiff import - NAME"), "\(imported)")
      let loaded = try sandbox.skiff(["load", "-i", sandbox.rootfs])
      #expect(
        loaded.code == 1 && loaded.errors.contains("is no OCI image layout: it has no index.json"), "\(loaded)")
    }
  }
}
