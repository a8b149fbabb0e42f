import Foundation
import Testing

/// The script of `--explain=shell`, run by /bin/sh, beside Skiff's own run of the same words: both must have built the same.
@Suite struct ExplainedRunTests {
  static let canRun =
    getuid() == 0
    && ["/bin/busybox", "/usr/bin/unshare", "/usr/bin/setpriv", "/usr/bin/nsenter"].allSatisfy {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  static let isRoot = ConditionTrait.enabled(if: canRun, "needs root, busybox and util-linux")

  /// State directories and a root of busybox's commands, gone afterwards. The words run in a network namespace of the
  /// test's own, so the host's links and rules are left alone.
  final class Place {
    let url = FileManager.default.temporaryDirectory.appending(path: "skiff-explained-\(UUID().uuidString)")
    var root: String { url.appending(path: "rootfs").path }
    /// The release where `make test` built one, else what stands beside this test.
    static let skiff: String =
      ProcessInfo.processInfo.environment["SKIFF_RELEASE"]
      ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "skiff")
      .path

    init() throws {
      for name in ["bin", "proc", "sys", "dev", "etc", "tmp"] {
        try FileManager.default.createDirectory(atPath: root + "/" + name, withIntermediateDirectories: true)
      }
      try copyBusybox(to: root + "/bin/busybox")
      for name in ["sh", "cat", "ls", "id", "hostname", "ip", "readlink", "grep", "pwd", "env", "sort", "mount"] {
        try FileManager.default.createSymbolicLink(atPath: root + "/bin/" + name, withDestinationPath: "busybox")
      }
    }
    deinit { try? FileManager.default.removeItem(at: url) }

    /// Runs lines of shell with `$skiff` and this place's state directories.
    func shell(_ lines: String) throws -> (status: Int32, output: String, errors: String) {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/unshare")
      process.arguments = ["--net", "/bin/sh", "-c", lines]
      process.environment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "skiff": Self.skiff,
        "SKIFF_ROOT": url.path + "/lib", "SKIFF_STATE": url.path + "/run", "place": url.path,
      ]
      let (output, errors) = (Pipe(), url.appending(path: "errors"))
      FileManager.default.createFile(atPath: errors.path, contents: nil)
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = output
      process.standardError = try FileHandle(forWritingTo: errors)
      try process.run()
      let bytes = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      let complaints = try String(contentsOf: errors, encoding: .utf8)
      return (process.terminationStatus, String(decoding: bytes, as: UTF8.self), complaints)
    }

    /// What `command` prints in the container that Skiff makes, and in the one that its script makes.
    func both(_ flags: String, _ command: String) throws -> (own: [String], script: [String]) {
      try Data(command.utf8).write(to: URL(filePath: root + "/command"))
      let words = "\(flags) sh /command"
      // The script first: it must not lean on what a run before it has left.
      let script = try shell(
        "ip link set dev lo up; \"$skiff\" run --rm --explain=shell --dry-run \(words) > \"$place\"/script && /bin/sh \"$place\"/script"
      )
      try #require(script.status == 0, "\(script.errors)")
      let own = try shell("ip link set dev lo up; \"$skiff\" run --rm \(words)")
      try #require(own.status == 0, "\(own.errors)")
      return (lines(own.output), lines(script.output))
    }

    /// Mounts by what they show and where; their numbers, and the names of scratch directories, are nobody's concern.
    private func lines(_ text: String) -> [String] {
      text.split(separator: "\n").map { line in
        guard line.contains(" - ") else { return String(line) }
        var words = line.split(separator: " ").map(String.init)
        words.removeFirst(3)
        for index in words.indices
        where words[index].hasSuffix("/hosts") || words[index].hasSuffix("/hostname")
          || words[index].hasSuffix("/resolv.conf")
        {
          if words[index].hasPrefix("/etc/") { continue }
          words[index] = "…/" + (words[index].split(separator: "/").last ?? "")
        }
        return words.filter { !$0.hasPrefix("upperdir=") }.map { Self.withoutOwn($0) }.joined(separator: " ")
      }
    }

    private static func withoutOwn(_ options: String) -> String {
      options.split(separator: ",").filter { !$0.hasPrefix("upperdir=") && !$0.hasPrefix("workdir=") }
        .joined(separator: ",")
    }
  }

  static let look = """
    cat /proc/self/mountinfo
    hostname; id; pwd; umask; ls -l /dev /dev/pts
    grep -E 'Cap|NoNewPrivs' /proc/self/status
    cat /proc/self/limits
    cat /proc/self/cgroup
    for f in memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us cpu/cpu.shares cpuset/cpuset.cpus devices/devices.list \
      memory.max pids.max cpu.max; do [ -e /sys/fs/cgroup/$f ] && cat /sys/fs/cgroup/$f; done
    exit 0
    """

  @Test(isRoot) func buildsTheSameMountsAndLimits() throws {
    let place = try Place()
    let (own, script) = try place.both(
      "--network none --hostname boat -m 64m --pids-limit 50 --cpus 0.5 --rootfs \(place.root)", Self.look)
    #expect(own.contains("boat"))
    #expect(own.contains("67108864") || own.contains { $0.contains("67108864") })
    #expect(script == own, "\(script.difference(from: own))")
  }

  @Test(isRoot) func makesTheSameNamespaces() throws {
    let place = try Place()
    let names = ["mnt", "uts", "ipc", "net", "pid", "cgroup", "user", "time"]
    let (own, script) = try place.both(
      "--network none --rootfs \(place.root)", names.map { "readlink /proc/self/ns/\($0)" }.joined(separator: "\n"))
    let host = try names.map { try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/" + $0) }
    try #require(own.count == names.count && script.count == names.count)
    for index in names.indices {
      #expect((own[index] == host[index]) == (script[index] == host[index]), "\(names[index])")
    }
    #expect(own[0] != host[0])
  }

  @Test(isRoot) func hidesAndProtectsTheSame() throws {
    let place = try Place()
    let (own, script) = try place.both(
      "--network none --hostname boat --read-only --cap-drop all --cap-add net_raw --user 1000:1001 --security-opt no-new-privileges "
        + "--tmpfs /tmp:size=64k -v /etc:/etc/host:ro --workdir /tmp --rootfs \(place.root)", Self.look)
    #expect(own.contains { $0.hasPrefix("NoNewPrivs:") && $0.hasSuffix("1") })
    #expect(script == own, "\(script.difference(from: own))")
  }

  /// What Skiff makes for a mount to come from, the script makes too; what was written there stays.
  @Test(isRoot) func bringsVolumes() throws {
    let place = try Place()
    let fresh = "type=bind,src=\(place.url.path)/fresh,dst=/fresh,bind-create-src"
    let flags = "--network none -v kept:/data --mount \(fresh) --rootfs \(place.root)"
    let (own, script) = try place.both(flags, "ls -ld /data /fresh | cut -c1-10; echo x >> /fresh/x; cat /fresh/x")
    #expect(script == ["drwxr-xr-x", "drwxr-xr-x", "x"])
    #expect(own == script + ["x"])
  }

  @Test(isRoot) func plugsItInTheSame() throws {
    let place = try Place()
    let (own, script) = try place.both(
      "--name plugged --hostname boat --rootfs \(place.root)",
      "ip -4 -o address; ip route; cat /sys/class/net/eth0/address /etc/hosts")
    #expect(own.contains { $0.contains("eth0") })
    #expect(script == own, "\(script.difference(from: own))")
  }

  @Test(isRoot) func leavesNothingBehind() throws {
    let place = try Place()
    try Data("exit 0".utf8).write(to: URL(filePath: place.root + "/command"))
    let answer = try place.shell(
      """
      "$skiff" run --rm --explain=shell --dry-run --rootfs \(place.root) sh /command > "$place"/script
      before=$(ip -o link; nft list tables; find "$SKIFF_ROOT" "$SKIFF_STATE" | sort)
      /bin/sh "$place"/script || exit 9
      # The kernel takes the cable away a moment after the namespace that it leads into.
      for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        after=$(ip -o link; nft list tables; find "$SKIFF_ROOT" "$SKIFF_STATE" | sort)
        [ "$before" != "$after" ] || exit 0
        sleep 0.25
      done
      echo "$before"; echo ---; echo "$after"; exit 8
      """)
    #expect(answer.status == 0, "\(answer.output) \(answer.errors)")
  }
}
