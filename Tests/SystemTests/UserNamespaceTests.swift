import Foundation
import Kernel
import Testing

/// `--userns` with an image, as a person uses it. GuestImagesTests has the same on an older kernel.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct UserNamespaceTests {
  private let owner = "busybox stat -c %u:%g"

  /// Files that belong to somebody, and a container whose root is nobody to the host.
  @Test func ownersAreRightInsideAndOnTheDisk() throws {
    try withHandMadeImage { sandbox in
      let give = "busybox chown 33:34 /data/file; busybox chmod 4755 /bin/busybox"
      #expect(
        try sandbox.skiff(["run", "--name", "giver", "--network", "none", "hand:made", "sh", "-c", give]).code == 0)
      #expect(try sandbox.skiff(["commit", "giver", "owned"]).code == 0)
      let script = """
        set -- $(cat /proc/self/uid_map); echo $1 $2; \(owner) / /data/file /etc/hosts /dev/shm; echo new > /data/new
        busybox chown 5:6 /data/new; rm /data/gone; rm -r /data/sub; mkdir /data/sub; \(owner) /data/new /data/sub
        busybox chown 7 /data/file; busybox mknod /node c 1 3 2>/dev/null || echo no device
        """
      let run = try sandbox.skiff(
        ["run", "--name", "mapped", "--network", "none", "--userns", "auto", "owned", "sh", "-c", script])
      #expect(
        run.output == "0 100000\n0:0\n33:34\n0:0\n0:0\n5:6\n0:0\nno device\n", "\(run.errors)")
      let diff = try sandbox.skiff(["diff", "mapped"]).output
      #expect(diff == "C /data\nC /data/file\nD /data/gone\nA /data/new\nC /data/sub\nD /data/sub/x\n")
      #expect(try sandbox.skiff(["commit", "mapped", "kept"]).code == 0)
      // The same in a container without a user namespace, and in one with other ids.
      for options in [[], ["--uidmap", "0:300000:65536", "--gidmap", "0:400000:65536"]] {
        let kept = try sandbox.skiff(
          ["run", "--rm", "--network", "none"] + options
            + [
              "kept", "sh", "-c",
              "\(owner) /data/new /data/file /data/sub; ls /data/sub; busybox stat -c %a /bin/busybox",
            ])
        #expect(kept.output == "5:6\n7:34\n0:0\n4755\n", "\(kept.errors)")
      }
    }
  }

  @Test func execIsTheContainersRoot() throws {
    try withHandMadeImage { sandbox in
      let run = try sandbox.skiff([
        "run", "-d", "--name", "mapped", "--network", "none", "--userns", "auto", "hand:made", "sleep", "100",
      ])
      #expect(run.code == 0, "\(run.errors)")
      let script = "id -u; set -- $(cat /proc/self/uid_map); echo $2; echo > /by-exec; \(owner) /by-exec /proc/1"
      let exec = try sandbox.skiff(["exec", "mapped", "sh", "-c", script])
      #expect(exec.output == "0\n100000\n0:0\n0:0\n", "\(exec.errors)")
      #expect(try sandbox.skiff(["exec", "-u", "alice", "mapped", "id", "-u"]).output == "1000\n")
      // Its terminal is its own.
      let terminal = try sandbox.skiff(["exec", "-t", "mapped", "sh", "-c", "\(owner) /dev/pts/0"])
      #expect(terminal.output == "0:5\r\n", "\(terminal.errors)")
      // To the host it is nobody.
      let inspection = try sandbox.skiff(["inspect", "--format", "{{.State.Pid}}", "mapped"]).output
      let process = inspection.split(separator: "\n").first.map(String.init) ?? ""
      #expect(try FileManager.default.attributesOfItem(atPath: "/proc/\(process)")[.ownerAccountID] as? Int == 100_000)
      #expect(try sandbox.skiff(["rm", "-f", "mapped"]).code == 0)
    }
  }

  @Test func volumesAreItsOwnAndTheHostsFilesAreNot() throws {
    try withHandMadeImage { sandbox in
      let shared = sandbox.folder.appending(path: "shared").path
      try FileManager.default.createDirectory(atPath: shared, withIntermediateDirectories: true)
      let mounts = [
        "-v", "vol:/data", "-v", "\(shared):/one", "-v", "\(shared):/two:idmap", "--mount",
        "type=bind,source=\(shared),target=/three,readonly,idmap",
      ]
      let script =
        "\(owner) /data /data/file /one /two /three; echo > /data/x; echo > /one/x; echo > /two/y; echo > /three/z"
      let run = try sandbox.skiff(
        ["run", "--rm", "--network", "none", "--userns", "auto"] + mounts + ["hand:made", "sh", "-c", script])
      #expect(run.output == "0:0\n0:0\n65534:65534\n0:0\n0:0\n", "\(run.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: shared) == ["y"])
      let attributes = try FileManager.default.attributesOfItem(atPath: shared + "/y")
      #expect(attributes[.ownerAccountID] as? Int == 0)
      // Another container, without a user namespace, finds in the volume what the first one left.
      let second = try sandbox.skiff(
        ["run", "--rm", "--network", "none", "-v", "vol:/data", "hand:made", "sh", "-c", "\(owner) /data/x"])
      #expect(second.output == "0:0\n", "\(second.errors)")
      let refused = try sandbox.skiff(["run", "--rm", "--network", "none", "-v", "\(shared):/x:idmap", "hand:made"])
      #expect(refused.code == 125 && refused.errors.contains("asks for idmap, and the container has no user namespace"))
    }
  }

  @Test func whatTheKernelWithholdsIsRefusedByName() throws {
    try withHandMadeImage { sandbox in
      let run = try sandbox.skiff(["run", "-d", "--name", "other", "--network", "none", "hand:made", "sleep", "100"])
      #expect(run.code == 0, "\(run.errors)")
      for (options, words) in [
        (["--network", "host"], "--userns does not go with --network host"),
        (["--network", "container:other"], "--userns does not go with --network container:other"),
        (["--network", "none", "--pid", "host"], "--userns does not go with --pid host"),
      ] {
        let refused = try sandbox.skiff(["run", "--rm", "--userns", "auto"] + options + ["hand:made"])
        #expect(refused.code == 125)
        #expect(refused.errors.contains(words) && refused.errors.contains("hint: "), "\(refused.errors)")
      }
      for options in [["--ipc", "host"], ["--uts", "host"]] {
        let result = try sandbox.skiff(
          ["run", "--rm", "--network", "none", "--userns", "auto"] + options + ["hand:made", "true"])
        #expect(result.code == 0, "\(result.errors)")
      }
      #expect(try sandbox.skiff(["ps", "-q"]).output.split(separator: "\n").count == 1)
      #expect(try sandbox.skiff(["rm", "-f", "other"]).code == 0)
    }
  }
}
