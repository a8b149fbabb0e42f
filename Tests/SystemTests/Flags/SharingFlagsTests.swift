import Foundation
import Testing

/// Namespaces that are the host's or another container's, and where the control group is.
@Suite(.enabled(if: FlagBench.obstacle == nil, Comment(rawValue: FlagBench.obstacle ?? "")))
struct SharingFlagsTests {
  @Test func anotherContainersProcessesAndMemory() throws {
    try FlagBench.with { bench in
      try bench.start("giver", "--ipc", "shareable", line: "echo kept >/dev/shm/note; exec sleep 1000")
      let seen = try bench.run(
        "--ipc", "container:giver", "--pid", "container:giver",
        line: "cat /dev/shm/note; ps | grep -c 'sleep 1000'; echo mine >/dev/shm/answer")
      #expect(seen.code == 0 && seen.output.hasPrefix("kept\n"), "\(seen)")
      #expect(try bench.sandbox.skiff(["exec", "giver", "cat", "/dev/shm/answer"]).output == "mine\n")
      try bench.start("taker", "--ipc", "container:giver", "--pid", "container:giver")
      let identifier = try bench.inspect("giver", "{{.Id}}")
      #expect(
        try bench.inspect("taker", "{{.HostConfig.IpcMode}} {{.HostConfig.PidMode}}")
          == "container:\(identifier) container:\(identifier)")
      #expect(try bench.inspect("giver", "{{.HostConfig.IpcMode}}") == "shareable")
      // Its first process is none of the other's family, and goes with it all the same.
      #expect(try bench.sandbox.skiff(["exec", "taker", "ps"]).output.contains("sleep 1000"))
    }
  }

  @Test func whatIsPrivateIsNotShared() throws {
    try FlagBench.with { bench in
      try bench.start("alone")
      let refused = try bench.run("--ipc", "container:alone")
      #expect(refused.code == 125)
      #expect(
        refused.errors == "skiff: cannot join the IPC of container alone: it is private\n"
          + "hint: start that one with --ipc shareable\n")
      let without = try bench.run("--ipc", "none", line: "ls -d /dev/shm /dev/mqueue")
      #expect(without.output == "/dev/mqueue\n", "\(without)")
      #expect(try bench.run("--pid", "container:nobody").errors.hasPrefix("skiff: no such container: nobody\n"))
      let both = try bench.run("--userns", "auto", "--pid", "container:alone")
      #expect(both.code == 125 && both.errors.contains("--userns does not go with --pid container:alone"))
    }
  }

  @Test func groupsBelowAnotherOne() throws {
    try FlagBench.with { bench in
      let parent = "skiff-parent-\(UUID().uuidString.prefix(8))"
      try bench.start("placed", "--cgroup-parent", "/\(parent)/below", "--cgroupns", "host")
      let group = try bench.sandbox.skiff(["exec", "placed", "cat", "/proc/1/cgroup"])
      let identifier = try bench.inspect("placed", "{{.Id}}")
      #expect(group.output.contains(":/\(parent)/below/\(identifier)\n"), "\(group)")
      #expect(
        try bench.inspect("placed", "{{.HostConfig.CgroupParent}} {{.HostConfig.CgroupnsMode}}")
          == "/\(parent)/below host")
      #expect(try bench.sandbox.skiff(["stats", "--no-stream", "--format", "{{.PIDs}}", "placed"]).output == "2\n")
      #expect(try bench.sandbox.skiff(["rm", "-f", "placed"]).code == 0)
      let left = try bench.sandbox.shell("find /sys/fs/cgroup -type d -name \(identifier) | wc -l")
      #expect(left.output == "0\n")
      _ = try bench.sandbox.shell("find /sys/fs/cgroup -depth -type d -path '*/\(parent)*' -exec rmdir {} +")
      #expect(try bench.run("--cgroup-parent", "/a/../b").errors.contains("it leads upwards"))
    }
  }

  /// Whose supervisor was killed has its group taken away where it was, not where others have theirs.
  @Test func theGroupIsFoundAgain() throws {
    try FlagBench.with { bench in
      let parent = "skiff-parent-\(UUID().uuidString.prefix(8))"
      try bench.start("orphan", "--cgroup-parent", parent)
      let identifier = try bench.inspect("orphan", "{{.Id}}")
      for supervisor in bench.sandbox.supervisors() { kill(supervisor, SIGKILL) }
      bench.sandbox.settle()
      #expect(try bench.sandbox.skiff(["ps", "-a", "--format", "{{.State}}"]).output == "exited\n")
      #expect(try bench.sandbox.shell("find /sys/fs/cgroup -type d -name \(identifier) | wc -l").output == "0\n")
      _ = try bench.sandbox.shell("find /sys/fs/cgroup -depth -type d -name '\(parent)' -exec rmdir {} +")
    }
  }

  @Test func someStreamsOnly() throws {
    try FlagBench.with { bench in
      let line = "echo out; echo err >&2"
      let errors = try bench.run("-a", "stderr", line: line)
      #expect(errors.output.isEmpty && errors.errors == "err\n")
      let output = try bench.run("--attach=STDOUT", line: line)
      #expect(output.output == "out\n" && output.errors.isEmpty)
      #expect(try bench.run("-a", "stdin").errors.contains("--attach stdin needs --interactive"))
      #expect(try bench.run("-a", "stdout", "-d").errors.contains("--attach does not go with --detach"))
    }
  }

  @Test func wordsAboutTheContainer() throws {
    try FlagBench.with { bench in
      let file = bench.sandbox.folder.path + "/labels"
      try Data("# of a file\ncolour=red\nalone\nsize=1\n".utf8).write(to: URL(filePath: file))
      try bench.start("named", "--label-file", file, "-l", "size=2", "--annotation", "org.example/who=me")
      #expect(
        try bench.inspect("named", "{{json .Config.Labels}} {{json .HostConfig.Annotations}}")
          == #"{"alone":"","colour":"red","size":"2"} {"org.example/who":"me"}"#)
      let missing = try bench.run("--label-file", "/none")
      #expect(missing.errors.contains(#"invalid argument "/none" for "--label-file": cannot read it"#))
    }
  }

  /// What this host has not, and programs that nobody calls, are refused by name.
  @Test(arguments: [
    (["--security-opt", "apparmor=nosuch"], "apparmor"),
    (["--security-opt", "label=type:spc_t"], "selinux"),
    (["--security-opt", "label=colour:red"], "\"colour\" is no part of a label"),
    (["--runtime", "nosuch-runtime"], "there is no runtime nosuch-runtime on this host"),
    (["--isolation", "hyperv"], "it is for Windows"),
    (["--volume-driver", "nfs"], "volumes are directories of this host"),
    (["--cpu-rt-runtime", "900000"], "--cpu-rt-runtime"),
    (["--log-driver", "fluentd"], "no log driver fluentd"),
  ])
  func refusedByName(flags: [String], reason: String) throws {
    let hasModule = ["apparmor", "selinux"].contains {
      reason == $0 && FileManager.default.fileExists(atPath: "/sys/fs/\($0)")
    }
    if hasModule || FileManager.default.fileExists(atPath: "/sys/kernel/security/apparmor") && reason == "apparmor" {
      return
    }
    try FlagBench.with { bench in
      let refused = try bench.sandbox.skiff(
        ["run", "--rm", "--network", "none"] + flags + ["--rootfs", bench.sandbox.rootfs, "true"])
      #expect(refused.code == 125 && refused.errors.contains(reason), "\(refused)")
    }
  }
}
