import Foundation
import Kernel
import Testing

/// Who a program runs as, by the passwd and group files of a hostile root, for `run` and for `exec`.
@Suite(.serialized, .enabled(if: Attacker.obstacle == nil, "\(Attacker.obstacle ?? "")"))
struct IdentityTests {
  private static let passwd = """
    root:x:0:0:root:/root:/bin/sh
    4294967296:x:0:0:more than 32 bits:/:/bin/sh
    1000:x:0:0:a number for a name:/:/bin/sh
    ada:x:1001:1001:Ada:/home/ada:/bin/sh
    minus:x:-1:-1::/:/bin/sh
    home:x:1002:1002::/h\u{1b}]0;owned\u{7}\rLD_PRELOAD=/x:/bin/sh

    """
  private static let group = """
    root:x:0:
    wheel:x:10:root,ada
    www:x:34:
    ada:x:1001:
    video:x:44:ada
    4242:x:0:ada

    """

  private func inPlace(_ body: (Sandbox) throws -> Void) throws {
    try Sandbox.underAttack { place in
      for (name, text) in [("passwd", Self.passwd), ("group", Self.group)] {
        try replaceFile(Path("\(place.rootfs)/etc/\(name)"), with: Array(text.utf8), mode: 0o644, durable: false)
      }
      try body(place)
    }
  }

  /// The `id -G` matrix (CVE-2022-36109, CVE-2023-25173) and the cases of CVE-2026-30892.
  @Test func userAndGroups() throws {
    try inPlace { place in
      try place.startSleeper("box")
      let cases = [
        ("0", "0 0 0 10"), ("1", "1 0 0"), ("1000", "1000 0 0"), ("ada", "1001 1001 1001 10 0 44"),
        ("1001", "1001 1001 1001 10 0 44"), ("ada:www", "1001 34 34"), ("ada:7", "1001 7 7"),
        ("5000:5000", "5000 5000 5000"), ("2147483647", "2147483647 0 0"),
      ]
      for (user, expected) in cases {
        // busybox's id -G goes by the files; what the kernel was told is in /proc.
        let question = [
          "/bin/busybox", "awk",
          "/^(Uid|Gid):/ { printf \"%s \", $2 } /^Groups:/ { $1 = \"\"; sub(/^ /, \"\"); print }",
          "/proc/self/status",
        ]
        func groups(_ text: String) -> [String] {
          let words = text.split { $0 == " " || $0 == "\n" }.map(String.init)
          return Array(words.prefix(2)) + words.dropFirst(2).sorted()
        }
        let ran = try place.skiff(
          ["run", "--rm", "--network", "none", "-u", user, "--rootfs", place.rootfs] + question)
        let executed = try place.skiff(["exec", "-u", user, "box"] + question)
        #expect(groups(ran.output) == groups(expected), "run -u \(user): \(ran)")
        #expect(groups(executed.output) == groups(expected), "exec -u \(user): \(executed)")
      }
      let added = try place.run(
        "/bin/busybox", "grep", "Groups", "/proc/self/status", flags: ["-u", "ada", "--group-add", "www"])
      #expect(Set(added.output.split { $0.isWhitespace }.dropFirst()) == ["1001", "10", "0", "44", "34"], "\(added)")
    }
  }

  @Test func whatIsNoUserIsNobody() throws {
    try inPlace { place in
      try place.startSleeper("box")
      for user in [
        "4294967296", "2147483648", "-1", "minus", "0:4294967296", "99999999999999999999", "+0", "0x0", "ada:-1",
        "ada:minus",
      ] {
        let ran = try place.run("id", flags: ["-u", user])
        #expect(ran.code == 125 && ran.output.isEmpty && ran.errors.contains("hint:"), "\(user): \(ran)")
        let executed = try place.skiff(["exec", "-u", user, "box", "id"])
        #expect(executed.code != 0 && executed.output.isEmpty, "\(user): \(executed)")
      }
    }
  }

  /// CVE-2022-4318: what a passwd file says of HOME goes into the environment of the program and nowhere else, and a
  /// message that shows it does not steer the terminal.
  @Test func homeIsOneVariable() throws {
    try inPlace { place in
      let ran = try place.run("/bin/busybox", "env", flags: ["-u", "home"])
      let lines = ran.output.split(separator: "\n", omittingEmptySubsequences: true)
      #expect(ran.code == 0 && lines.allSatisfy { $0.contains("=") }, "\(ran)")
      #expect(lines.contains("HOME=/") && !ran.output.contains("\u{1b}"), "\(ran)")
    }
  }

  @Test("passwd and group files that are too large, or no files")
  func filesWithoutEnd() throws {
    try inPlace { place in
      try place.startSleeper("box")
      func expectRefused(_ reason: String) throws {
        let ran = try place.run("id", flags: ["-u", "ada:www"])
        #expect(ran.code == 125 && ran.output.isEmpty && ran.errors.contains(reason), "\(reason): \(ran)")
        // By a path of a running container the same.
        let executed = try place.skiff(["exec", "-u", "ada:www", "box", "id"])
        #expect(
          executed.code != 0 && executed.output.isEmpty && executed.errors.contains(reason), "\(reason): \(executed)")
      }
      // 1 GiB of nothing takes no place on the disk.
      let group = Path("\(place.rootfs)/etc/group")
      let sparse = try open(group, [.writeOnly, .truncate])
      try sparse.borrowed.truncate(to: 1 << 30)
      try expectRefused("file too large")
      try replaceFile(group, with: Array(Self.group.utf8), durable: false)
      // Nobody will ever write into it: whoever opens it waits for ever.
      let passwd = Path("\(place.rootfs)/etc/passwd")
      try removeFile(passwd)
      try makeNode(passwd, kind: .fifo, mode: 0o644)
      try expectRefused("not a regular file")
      try removeFile(passwd)
      try makeNode(Path("\(place.rootfs)/fifo"), kind: .fifo, mode: 0o644)
      try makeSymbolicLink(passwd, to: "/fifo")
      try expectRefused("not a regular file")
      try removeFile(passwd)
      try makeSymbolicLink(passwd, to: "/proc/self/environ")
      let leaked = try place.run("id", flags: ["-u", "ada:www"])
      #expect(leaked.code == 125, "\(leaked)")
    }
  }

  @Test func injectedWords() throws {
    try inPlace { place in
      let before = try readText("/proc/sys/kernel/core_pattern")
      let refused = [
        ["--sysctl", "kernel.core_pattern=|/bin/attack"], ["--sysctl", "kernel/core_pattern=|/bin/attack"],
        ["--sysctl", "kernel.shm_rmid_forced=1+kernel.core_pattern=|/x", "--ipc", "host"],
        ["--sysctl", "net.ipv4.ip_forward=1\nkernel.core_pattern=|/x"], ["--sysctl", "net.=1"],
        ["--sysctl", "net..core.x=1"], ["--sysctl", "net.core/../../kernel/core_pattern=|/x"],
        ["--sysctl", "vm.overcommit_memory=2"], ["--sysctl", "kernel.hostname=x"], ["--sysctl", "kernel.=x"],
        ["--sysctl", "netx.core=1"], ["--sysctl", "fs.file-max=1"],
        ["-e", "=x"], ["-w", "/a\nb"], ["--hostname", "a\nb"], ["--name", "a/../b"], ["-v", "/tmp:/x\ny"],
        ["--add-host", "a b:1.2.3.4"],
      ]
      for flags in refused {
        let ran = try place.run("true", flags: flags)
        #expect(ran.code == 125, "\(flags): \(ran)")
        #expect(try readText("/proc/sys/kernel/core_pattern") == before)
      }
      // Network parameters are the host's where the network is.
      let shared = try place.skiff(
        [
          "run", "--rm", "--network", "host", "--sysctl", "net.ipv4.ip_default_ttl=63", "--rootfs", place.rootfs,
          "true",
        ])
      #expect(shared.code == 125 && shared.errors.contains("network namespace"), "\(shared)")
      #expect(try readText("/proc/sys/net/ipv4/ip_default_ttl") != "63")
      let allowed = try place.run(
        "cat", "/proc/sys/net/ipv4/ip_default_ttl", "/proc/sys/kernel/shm_rmid_forced", "/proc/sys/kernel/domainname",
        flags: [
          "--sysctl", "net/ipv4/ip_default_ttl=63", "--sysctl", "kernel.shm_rmid_forced=1", "--sysctl",
          "kernel.domainname=sea",
        ])
      #expect(allowed.output == "63\n1\nsea\n", "\(allowed)")
    }
  }
}
