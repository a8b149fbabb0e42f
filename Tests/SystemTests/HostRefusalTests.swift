import Foundation
import Testing

/// What a host withholds, made in a mount namespace of the test's own: the error names it, says what helps, and nothing is
/// left. Missing nf_tables is in NetworksTests, a missing overlay in MountsTests.
@Suite(.enabled(if: geteuid() == 0, "a host that refuses is made by mounting over it, which needs root"))
struct HostRefusalTests {
  /// - Parameters:
  ///   - obstacle: a line of shell before the call; it may `exit 77` where it cannot be made here.
  ///   - words: the call, with `$skiff` and `$rootfs`.
  struct Refusal: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var obstacle: String
    var words: String
    var error: String
    var hint: String
  }

  static let run = "$skiff run --rm --network none --rootfs $rootfs true"
  static let refusals = [
    Refusal(
      testDescription: "full disk", obstacle: "mount -t tmpfs -o size=8k none $SKIFF_ROOT", words: run,
      error: "no space left on device", hint: "the disk is full: free some space"),
    Refusal(
      testDescription: "full /run", obstacle: "mount -t tmpfs -o nr_inodes=6 none $SKIFF_STATE", words: run,
      error: "no space left on device", hint: "the disk is full: free some space"),
    Refusal(
      testDescription: "read-only root", obstacle: "mount -t tmpfs -o ro none $SKIFF_ROOT", words: run,
      error: "cannot keep state in", hint: "mounted read-only: keep Skiff's state elsewhere with --root"),
    Refusal(
      testDescription: "read-only state", obstacle: "mount -t tmpfs -o ro none $SKIFF_STATE", words: run,
      error: "cannot keep state in", hint: "mounted read-only"),
    Refusal(
      testDescription: "cgroups read-only",
      obstacle:
        "awk '/ - cgroup/ {print $5}' /proc/self/mountinfo | while read m; do mount -o remount,bind,ro $m; done",
      words: run, error: "mounted read-only", hint: "mount it read-write"),
    Refusal(
      testDescription: "no such controller",
      obstacle: "test -d /sys/fs/cgroup/pids || exit 77; umount /sys/fs/cgroup/pids",
      words: "$skiff run --rm --network none --pids-limit 5 --rootfs $rootfs true",
      error: "a limit of processes needs the cgroup controller pids", hint: "leave out a limit of processes"),
    Refusal(
      testDescription: "a limit above the host's", obstacle: "true",
      words: "$skiff run --rm --network none --ulimit nofile=2000000000:2000000000 --rootfs $rootfs true",
      error: "cannot start", hint: "setrlimit(RLIMIT_NOFILE, 2000000000, 2000000000): operation not permitted"),
    Refusal(
      testDescription: "layers on an overlay",
      obstacle: """
        mkdir l u w; mount -t tmpfs none u; mkdir u/u u/w
        mount -t overlay -o lowerdir=l,upperdir=u/u,workdir=u/w none $SKIFF_ROOT || exit 77
        $skiff stage -q -t box busybox
        """,
      words: "$skiff run --rm --network none box busybox true", error: "cannot start",
      hint: "cannot hold what a container writes: keep Skiff's state on ext4"),
  ]

  @Test(arguments: refusals) func isSaidAndLeavesNothing(refusal: Refusal) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let script = """
      mkdir -p $SKIFF_ROOT $SKIFF_STATE
      \(refusal.obstacle)
      \(refusal.words); echo "code $?"
      find $SKIFF_ROOT/containers $SKIFF_ROOT/names $SKIFF_STATE/containers $SKIFF_STATE/locks -mindepth 1 2>/dev/null
      exit 0
      """
    let shell = Process()
    shell.executableURL = URL(filePath: "/usr/bin/unshare")
    shell.arguments = ["--mount", "sh", "-c", script]
    shell.currentDirectoryURL = sandbox.folder
    shell.environment = [
      "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SKIFF_ROOT": sandbox.state, "SKIFF_STATE": sandbox.run,
      "skiff": Sandbox.skiff, "rootfs": sandbox.rootfs,
    ]
    let pipe = Pipe()
    shell.standardOutput = pipe
    shell.standardError = pipe
    shell.standardInput = FileHandle.nullDevice
    try shell.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    shell.waitUntilExit()
    if shell.terminationStatus == 77 { try Test.cancel("the obstacle cannot be put up here") }
    #expect(text.contains(refusal.error) && text.contains(refusal.hint), "\(text)")
    // The last line: nothing was found that is left.
    #expect(text.hasSuffix("code 125\n"), "\(text)")
  }
}
