import Glibc
import Kernel
import Testing

/// Limits of containers, as a person sets and sees them, on this machine's cgroup layout and on those of the virtual
/// machine: one script, whose lines mean the same everywhere.
@Suite(.serialized) struct LimitsTests {
  static let skiff = environment("SKIFF_RELEASE") ?? Path(Guest.program).parent.appending("skiff").string

  static let obstacle: String? = {
    if effectiveUser() != 0 { return "containers need root" }
    if !exists("/bin/busybox") { return "no busybox" }
    return exists(Path(skiff)) ? nil : "no \(skiff)"
  }()

  /// Prints `word: answer` lines.
  static let script = """
    umask 022
    place=$(mktemp -d)
    export SKIFF_ROOT=$place/lib SKIFF_STATE=$place/run
    trap '"$skiff" rm -f box >/dev/null 2>&1; rm -rf "$place"' EXIT
    mkdir -p $place/root/bin $place/root/proc $place/root/sys $place/root/dev $place/root/tmp $place/root/etc
    cp /bin/busybox $place/root/bin/
    for name in sh sleep cat head tail grep mknod find mount mkdir; do ln -s busybox $place/root/bin/$name; done
    run() { "$skiff" run --network none "$@"; }
    # word, then a command: all that it prints, and its code in parentheses.
    ask() { word=$1; shift; answer=$("$@" 2>&1; echo "($?)"); echo "$word: $(echo "$answer" | tr '\\n' ' ')"; }
    groups() { find /sys/fs/cgroup -type d -name $id | wc -l; }

    id=$(run -d --init=false --name box -m 64m --pids-limit 40 --rootfs $place/root sleep 1000)
    ask started "$skiff" stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' box
    ask updated "$skiff" update -m 32m --memory-swap 32m --cpus 0.5 box
    ask smaller "$skiff" stats --no-stream --format '{{.MemUsage}}' box
    ask too-small "$skiff" update -m 1m box
    ask no-such-cpu "$skiff" update --cpuset-cpus 4000 box
    ask still "$skiff" stats --no-stream --format '{{.MemUsage}}' box
    ask groups groups
    ask removed "$skiff" rm -f box
    ask leftover groups

    ask hog run --name box -m 16m --rootfs $place/root tail /dev/zero
    ask inspect "$skiff" inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' box
    "$skiff" rm box >/dev/null

    ask forks run --rm --pids-limit 4 --rootfs $place/root \\
      sh -c 'sleep 1 & sleep 1 & sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait'
    ask processors run --rm --cpuset-cpus 0 --rootfs $place/root grep Cpus_allowed_list /proc/self/status
    # /dev/net/tun: no capability is asked for its open, so only the rules of the group can refuse it.
    tun='mknod /dev/t c 10 200; : </dev/t'
    ask device run --rm --rootfs $place/root sh -c "$tun"
    ask privileged run --rm --privileged --rootfs $place/root sh -c "$tun"
    ask rule run --rm --device-cgroup-rule 'c 10:200 r' --rootfs $place/root sh -c "$tun"
    disk=$(find /dev -maxdepth 1 -type b | head -n 1)
    if [ "$disk" ]; then
      ask slow run --rm --device-read-bps $disk:1mb --device-write-iops $disk:100 --rootfs $place/root \\
        sh -c 'cd /sys/fs/cgroup; cat io.max blkio/blkio.throttle.read_bps_device blkio/blkio.throttle.write_iops_device 2>/dev/null'
    fi
    ask zero run --rm --rootfs $place/root sh -c 'head -c 3 /dev/zero | tail -c 3 >/dev/null && echo read'
    # CVE-2022-0492: the group's own files, and a release agent, are the way out of a writable cgroupfs.
    ask escape run --rm --rootfs $place/root sh -c 'cd /sys/fs/cgroup
      for file in $(find . -name cgroup.procs -o -name tasks -o -name release_agent -o -name memory.max \\
        -o -name memory.limit_in_bytes -o -name devices.allow); do echo 1 >$file && echo wrote $file; done
      mount -t cgroup -o memory cgroup /tmp; mount -t cgroup2 cgroup2 /tmp; mkdir /sys/fs/cgroup/x; grep -v ":/$" /proc/self/cgroup'
    echo end
    """

  private func check(_ output: String) throws {
    var answers: [Substring: Substring] = [:]
    for line in output.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      answers[line[..<colon]] = line[line.index(after: colon)...].drop { $0 == " " }
    }
    func expect(_ word: Substring, _ parts: String...) {
      let answer = answers[word] ?? "(missing)"
      for part in parts { #expect(answer.contains(part), "\(word): \(answer)") }
    }
    expect("started", "/ 64MiB 1 (0)")
    expect("updated", "box (0)")
    expect("smaller", "/ 32MiB (0)")
    expect("too-small", "the least memory limit is 6m", "(125)")
    expect("no-such-cpu", "4000 is not within what this host", "(1)")
    expect("still", "/ 32MiB (0)")
    #expect(answers["groups"].flatMap { Int($0.prefix { $0 != " " }) } ?? 0 > 0)
    expect("removed", "box (0)")
    expect("leftover", "0 (0)")
    expect("hog", "the kernel killed tail", "its memory limit of 16 MiB", "(137)")
    expect("inspect", "true 137 (0)")
    expect("forks", "can't fork")
    expect("processors", "Cpus_allowed_list:\t0 (0)")
    expect("device", "not permitted")
    #expect(answers["privileged"].map { !$0.contains("not permitted") } == true, "\(answers["privileged"] ?? "")")
    #expect(answers["rule"].map { !$0.contains("not permitted") } == true, "\(answers["rule"] ?? "")")
    // The virtual machine may have no disk.
    if let slow = answers["slow"] { #expect(slow.contains("1048576") && slow.contains("100"), "\(slow)") }
    expect("zero", "read (0)")
    // Nothing was written, nothing mounted, and no group shows a path on the host.
    expect("escape", "Read-only file system", "(1)")
    #expect(
      answers["escape"].map { !$0.contains("wrote") && !$0.contains("skiff/") } == true, "\(answers["escape"] ?? "")")
    #expect(output.split(separator: "\n").last == "end", "\(output.suffix(2000))")
  }

  @Test(.enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? "")))
  func onThisMachine() throws {
    try withScript { script in
      try check(try Guest.capture("env skiff=\(Guest.quoted(Self.skiff)) /bin/sh \(script)").output)
    }
  }

  @Test(
    .enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? "")),
    .enabled(if: Guest.obstacle == nil, Comment(rawValue: Guest.obstacle ?? "")), arguments: ["v2", "v1"])
  func inTheVirtualMachine(_ cgroups: String) throws {
    try withScript { script in
      try check(
        try Guest.run(
          cgroups, files: [Self.skiff, "/bin/busybox", script], ["env", "skiff=\(Self.skiff)", "sh", script]
        ).output)
    }
  }

  private func withScript(_ body: (String) throws -> Void) throws {
    let path = Path("/tmp/skiff-limits-\(processIdentifier())-\(UInt32.random(in: 0 ... .max)).sh")
    try replaceFile(path, with: Array(Self.script.utf8), durable: false)
    defer { try? removeFile(path) }
    try body(path.string)
  }
}
