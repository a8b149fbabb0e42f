import Foundation
import Kernel
import Testing

/// Options that docker and podman share, each with what a container with them sees.
struct ContainerOption: Sendable, CustomTestStringConvertible {
  var name: String
  var options: [String] = []
  var script: String
  var output: String
  /// Prepared on the machine before, by a line of sh.
  var preparation: String?

  var testDescription: String { name }

  func check(_ engine: some EngineUnderTest) throws {
    if let preparation { try engine.host.shell(preparation) }
    // The machine's folder is the engine's affair.
    let options = options.map { $0.replacing("FOLDER", with: engine.host.folder) }
    let result = try engine.sh(options, script)
    #expect(result.output == output, "\(result.errors)")
  }

  /// What a container sees of a limit, under either version of control groups.
  private static let limits = """
    cd /sys/fs/cgroup
    if [ -e memory.max ]; then cat memory.max pids.max; set -- $(cat cpu.max); echo $1
    else cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us; fi
    """

  private static let refusingProfile =
    #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":61}]}"#

  static let all = [
    ContainerOption(
      name: "a user, a directory, a variable, a name",
      options: ["-u", "alice", "-w", "/tmp", "-e", "A=b", "--hostname", "box", "--entrypoint", ""],
      script: "id -un; pwd; echo $A; hostname", output: "alice\n/tmp\nb\nbox\n"),
    ContainerOption(
      name: "a closed root and a tmpfs", options: ["--read-only", "--tmpfs", "/t:size=1m"],
      script:
        "touch /x 2>/dev/null || echo closed; touch /t/x && echo open; df -k /t | tail -n 1 | (read a b c; echo $b)",
      output: "closed\nopen\n1024\n"),
    ContainerOption(
      name: "limits of the group, in sight",
      options: ["-m", "32m", "--cpus", "0.5", "--pids-limit", "20", "--cgroupns", "private"], script: limits,
      output: "33554432\n20\n50000\n"),
    ContainerOption(
      name: "the same in the host's cgroup namespace",
      options: ["-m", "32m", "--cpus", "0.5", "--pids-limit", "20", "--cgroupns", "host"],
      script: "[ -e /sys/fs/cgroup/cgroup.procs ] && cd /sys/fs/cgroup && cd .$(sed -n s/^0:://p /proc/self/cgroup); "
        + limits.replacing("cd /sys/fs/cgroup\n", with: "[ -e memory.max ] || cd /sys/fs/cgroup; "),
      output: "33554432\n20\n50000\n"),
    ContainerOption(
      name: "limits of the process", options: ["--ulimit", "sigpending=77:88", "--ulimit", "core=0"],
      script: "ulimit -Si; ulimit -Hi; ulimit -c", output: "77\n88\n0\n"),
    ContainerOption(
      name: "kernel parameters", options: ["--sysctl", "kernel.msgmax=9999", "--sysctl", "net.ipv4.ip_forward=0"],
      script: "cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward", output: "9999\n0\n"),
    ContainerOption(
      name: "one capability", options: ["--cap-drop", "ALL", "--cap-add", "CHOWN"],
      script: "grep -E 'Cap(Eff|Bnd|Inh)' /proc/self/status",
      output: "CapInh:\t0000000000000000\nCapEff:\t0000000000000001\nCapBnd:\t0000000000000001\n"),
    ContainerOption(
      name: "no new privileges", options: ["--security-opt", "no-new-privileges"],
      script: "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status", output: "NoNewPrivs:\t1\nSeccomp:\t2\n"),
    ContainerOption(
      name: "no filter", options: ["--security-opt", "seccomp=unconfined"], script: "grep Seccomp: /proc/self/status",
      output: "Seccomp:\t0\n"),
    ContainerOption(
      name: "a filter of one's own", options: ["--security-opt", "seccomp=FOLDER/filter.json"],
      script: "mkdir /x 2>&1 | grep -o 'No data'; touch /y && echo fine", output: "No data\nfine\n",
      preparation: "echo '\(refusingProfile)' >$0/filter.json"),
    ContainerOption(
      name: "privileged", options: ["--privileged"],
      script:
        "[ $((0x$(sed -n s/CapEff:.//p /proc/self/status) & 0x200000)) != 0 ] && echo admin; grep Seccomp: /proc/self/status; [ -e /dev/mem -o -e /dev/loop-control ] && echo devices",
      output: "admin\nSeccomp:\t0\ndevices\n"),
    ContainerOption(
      name: "the host's processes", options: ["--pid", "host"], script: "cat /proc/1/comm", output: "bash\n"),
    ContainerOption(
      name: "the host's network", options: ["--network", "host"], script: "ip link | grep -o 'probe0:'",
      output: "probe0:\n", preparation: "ip link add probe0 type bridge"),
    ContainerOption(
      name: "no cgroup namespace", options: ["--cgroupns", "host"],
      script: "grep -q 'skiff-engine-' /proc/self/cgroup && echo seen", output: "seen\n"),
    ContainerOption(
      name: "a cgroup namespace", options: ["--cgroupns", "private"],
      script: "grep -q 'skiff-engine-' /proc/self/cgroup || echo hidden", output: "hidden\n"),
    ContainerOption(
      name: "a device to read alone", options: ["--device", "/dev/kmsg:/dev/x:r"],
      script: "[ -c /dev/x ] && echo there; (echo test >/dev/x) 2>&1 | grep -o 'not permitted'",
      output: "there\nnot permitted\n"),
    ContainerOption(
      name: "the usual devices", options: [],
      script: "head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; echo x >/dev/null && echo null; "
        + "(echo x >/dev/full) 2>&1 | grep -o 'No space'; mount | grep -c '/dev/pts '",
      output: "3\n3\nnull\nNo space\n1\n"),
    ContainerOption(
      name: "a score for when memory runs out", options: ["--oom-score-adj", "500"],
      script: "cat /proc/self/oom_score_adj",
      output: "500\n"),
  ]
}

/// What an engine says, and the code that it exits with, when a container cannot be run.
struct EngineFailure: Sendable, CustomTestStringConvertible {
  var name: String
  var options: [String] = []
  var program: String
  var code: Int32
  var message: String

  var testDescription: String { name }

  func check(_ engine: some EngineUnderTest) throws {
    let result = try engine.run(["--rm", "--network", "none"] + options, program)
    #expect(result.code == code)
    #expect(result.errors.contains(message), "\(result.errors)")
    // Nothing is left of the attempt.
    #expect(try engine.call("ps", "-aq").output == "")
  }

  static let all = [
    EngineFailure(
      name: "a program that is not in PATH", program: "nonexistent", code: 127,
      message: #"exec: "nonexistent": executable file not found in $PATH"#),
    EngineFailure(
      name: "a program that is not there", program: "/nonexistent", code: 127,
      message: #"exec: "/nonexistent": no such file or directory"#),
    EngineFailure(
      name: "a file without the x bit", program: "/etc/passwd", code: 126,
      message: #"exec: "/etc/passwd": permission denied"#),
    EngineFailure(
      name: "a directory", program: "/etc", code: 126, message: #"exec: "/etc": permission denied"#),
  ]
}
