import Foundation
import Kernel
import Testing

/// Containers that run and are hostile, to what enters them or looks at them from the host.
@Suite(.serialized, .enabled(if: Attacker.obstacle == nil, "\(Attacker.obstacle ?? "")"))
struct HostileInsideTests {
  /// Whoever has CAP_SYS_ADMIN in a container may put anything in the place of /proc and /dev (CVE-2025-52881, CVE-2019-16884,
  /// CVE-2025-52565). What goes in, or looks, has a /proc of its own, and tells the kernel nothing by a path of the container's.
  @Test(arguments: [
    "mount -t tmpfs none /proc; /bin/busybox mkdir -p /proc/self/attr /proc/sys/kernel; > /proc/self/attr/exec",
    "mount -t tmpfs none /proc; /bin/busybox ln -s /etc /proc/self; /bin/busybox ln -s / /proc/1",
    "mount -t tmpfs none /dev; /bin/busybox ln -s /proc/sysrq-trigger /dev/null; /bin/busybox ln -s /canary /dev/console",
    "mount -t tmpfs none /etc; /bin/busybox ln -s /proc/1/environ /etc/passwd; /bin/busybox mkfifo /etc/group",
  ])
  func whatItMountsOverItsOwnRoot(script: String) throws {
    try Sandbox.underAttack { place in
      let canary = "\(place.rootfs)/canary"
      try Data("untouched".utf8).write(to: URL(filePath: canary))
      let flags = ["--cap-add", "sys_admin", "--security-opt", "seccomp=unconfined"]
      try place.startSleeper("evil", flags: flags, "sh", "-c", "\(script); echo ready; exec /bin/busybox sleep 1000")
      try place.awaitLine("ready", of: "evil")
      let question = ["exec", "evil", "/bin/busybox", "sh", "-c", "echo in $$; cat /canary"]
      let entered = try place.skiff(question)
      #expect(entered.output.hasPrefix("in ") && entered.output.hasSuffix("\nuntouched"), "\(entered)")
      let named = try place.skiff(["exec", "-u", "alice", "evil", "/bin/busybox", "true"])
      #expect(named.code == 0 || named.errors.contains("cannot read the users of the image"), "\(named)")
      let top = try place.skiff(["top", "evil", "-o", "args"])
      #expect(top.output.hasSuffix("\n/bin/busybox sleep 1000\n"), "\(top)")
      // The host's users are nobody's in there.
      let copied = try place.skiff(["cp", "evil:/etc/passwd", "-"])
      #expect(!copied.output.contains("/nonexistent"), "\(copied)")
      for words in [["stats", "--no-stream", "evil"], ["inspect", "evil"], ["pause", "evil"], ["unpause", "evil"]] {
        let answer = try place.skiff(words)
        #expect(answer.code == 0, "\(words): \(answer)")
      }
      #expect(try String(contentsOfFile: canary, encoding: .utf8) == "untouched")
    }
  }

  /// CVE-2019-14271, CVE-2018-15664, CVE-2022-1227: nothing of an image is executed for who looks at it from outside.
  @Test func itsProgramsAreNotOurs() throws {
    try Sandbox.underAttack { place in
      for name in ["ps", "tar", "xz", "gzip", "zstd", "unxz", "id", "getent", "ip", "nft", "chroot", "cat"] {
        let program = "\(place.rootfs)/bin/\(name)"
        try? FileManager.default.removeItem(atPath: program)
        try Data("#!/bin/sh\necho \(name) >> /ran\n".utf8).write(to: URL(filePath: program))
        #expect(chmod(program, 0o755) == 0)
      }
      try Data([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]).write(to: URL(filePath: place.rootfs + "/packed.xz"))
      try place.startSleeper("evil", "/bin/busybox", "sleep", "1000")
      let all = [
        ["top", "evil"], ["top", "evil", "aux"], ["cp", "evil:/packed.xz", "\(place.folder.path)/x"],
        ["cp", "evil:/bin", "\(place.folder.path)/y"], ["cp", "\(place.folder.path)/x", "evil:/z"],
        ["export", "-o", "\(place.folder.path)/e.tar", "evil"], ["stats", "--no-stream", "evil"], ["logs", "evil"],
        ["inspect", "evil"], ["why", "evil"], ["exec", "-u", "alice", "evil", "/bin/busybox", "true"],
        ["debug", "evil", "true"],
      ]
      for words in all {
        let answer = try place.skiff(words)
        #expect(answer.code == 0, "\(words): \(answer)")
      }
      #expect(!FileManager.default.fileExists(atPath: place.rootfs + "/ran"))
    }
  }

  /// What a bundle or a container is called may be an image's word; on a terminal it steers nothing.
  @Test func theRuntimesErrorsSteerNoTerminal() throws {
    try Sandbox.underAttack { place in
      let evil = "a\u{1b}]0;title\u{7}\u{9b}31m\u{202e}"
      for words in [
        ["state", evil], ["run", "-b", "/nowhere/" + evil, "x"], [evil],
        ["--log", "\(place.folder.path)/log", "kill", evil],
      ] {
        let told = try place.skiff(["oci"] + words)
        #expect(told.code != 0 && told.errors.contains("a\\x1b]0;title\\x07\\x9b31m\\u{202e}"), "\(told)")
        #expect(told.errors.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f || $0 == "\n" }, "\(told)")
      }
    }
  }
}
