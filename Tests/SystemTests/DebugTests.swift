import Foundation
import Kernel
import Testing

/// `debug`: the host's tools beside a container that has one program and nothing else.
@Suite(.serialized, .enabled(if: Sandbox.obstacle == nil, Comment(rawValue: Sandbox.obstacle ?? "")))
struct DebugTests {
  /// With a root that holds nothing but `/sleep`.
  private func with(_ options: String..., body: (Sandbox, String) throws -> Void) throws {
    try Sandbox.with { sandbox in
      let bare = sandbox.folder.path + "/bare"
      try FileManager.default.createDirectory(atPath: bare, withIntermediateDirectories: true)
      try copyBusybox(to: bare + "/sleep")
      let started = try sandbox.skiff(
        ["run", "-d", "--name", "bare", "--network", "none"] + options + ["--rootfs", bare, "/sleep", "100000"])
      try #require(started.code == 0, "\(started)")
      defer { _ = try? sandbox.skiff(["rm", "-f", "bare"]) }
      try body(sandbox, bare)
    }
  }

  private func link(_ process: some CustomStringConvertible, _ name: String) throws -> String {
    try readSymbolicLink(Path("/proc/\(process)/ns/\(name)")).string
  }

  /// Processes of the host with exactly these words, waited for until there are as many.
  private func processes(_ words: String, count: Int) throws -> [ProcessIdentifier] {
    var found: [ProcessIdentifier] = []
    for _ in 0..<600 {
      found = try entries(of: "/proc").compactMap { ProcessIdentifier($0.name.string) }.filter {
        let line = try? readText(Path("/proc/\($0)/cmdline"))
        return line?.split(separator: "\0").joined(separator: " ") == words
      }
      if found.count == count { return found }
      usleep(50_000)
    }
    Issue.record("\(found.count) processes run \"\(words)\", not \(count)")
    return found
  }

  @Test(arguments: [[], ["--read-only"], ["--userns", "auto"], ["--user", "1234:1234"]])
  func toolsStandBesideTheRootAndNothingIsWrittenIntoIt(options: [String]) throws {
    try Sandbox.with { sandbox in
      let bare = sandbox.folder.path + "/bare"
      try FileManager.default.createDirectory(atPath: bare, withIntermediateDirectories: true)
      try copyBusybox(to: bare + "/sleep")
      let words = ["run", "-d", "--name", "bare", "--hostname", "desert", "--network", "none"] + options
      #expect(try sandbox.skiff(words + ["--rootfs", bare, "/sleep", "100000"]).code == 0)
      let before = try FileManager.default.subpathsOfDirectory(atPath: bare).sorted()
      let first = try sandbox.skiff(["inspect", "-f", "{{.State.Pid}}", "bare"]).output.trimmingCharacters(
        in: .newlines)
      let mounts = try readText(Path("/proc/\(first)/mountinfo"))
      let seen = try sandbox.skiff([
        "debug", "bare", "sh", "-c",
        """
        pwd; ls -d /container/sleep; cat /etc/hostname; id -u
        ps -e -o args= | grep -c '^/sleep 100000$'
        cmp /proc/self/cgroup /proc/1/cgroup && echo same
        touch /usr/bin/x 2>&1; echo kept >/tmp/x && cat /tmp/x
        """,
      ])
      let user = options.contains("1234:1234") ? "1234" : "0"
      #expect(
        seen.output == """
          /container
          /container/sleep
          desert
          \(user)
          1
          same
          touch: cannot touch '/usr/bin/x': Read-only file system
          kept

          """, "\(seen)")
      #expect(seen.code == 0 && seen.errors == "", "\(seen)")
      // The session's own mounts are nobody else's.
      let session = try sandbox.start(["debug", "bare", "sleep", "4711"])
      let program = try #require(try processes("sleep 4711", count: 1).first)
      for name in ["pid", "net", "ipc", "uts", "cgroup", "user"] {
        #expect(try link(program, name) == link(first, name), "\(name)")
      }
      #expect(try link(program, "mnt") != link(first, "mnt"))
      #expect(try link(program, "mnt") != link("self", "mnt"))
      #expect(try readText(Path("/proc/\(first)/mountinfo")) == mounts)
      try sendSignal(Signal.kill, toProcess: program)
      #expect(session.finish().code == 137)
      #expect(try FileManager.default.subpathsOfDirectory(atPath: bare).sorted() == before)
      #expect(try !FileManager.default.contentsOfDirectory(atPath: sandbox.run).contains { $0.contains("toolbox") })
      #expect(try sandbox.skiff(["rm", "-f", "bare"]).code == 0)
    }
  }

  enum Ending: CaseIterable { case program, killedCommand, terminatedCommand, killedContainer }

  @Test(arguments: Ending.allCases) func nothingIsLeftBehind(ending: Ending) throws {
    try with { sandbox, _ in
      let last = ending == .program ? "exit 3" : "wait"
      let session = try sandbox.start([
        "debug", "bare", "sh", "-c", "sleep 4712 & setsid sleep 4712 & chroot /container /sleep 4713 & \(last)",
      ])
      switch ending {
      case .program: #expect(session.finish().code == 3)
      default:
        _ = try processes("sleep 4712", count: 2)
        _ = try processes("/sleep 4713", count: 1)
      }
      switch ending {
      case .program: break
      case .killedCommand:
        try sendSignal(Signal.kill, toProcess: session.identifier)
        #expect(session.finish().code == 137)
      case .terminatedCommand:
        try sendSignal(Signal.terminate, toProcess: session.identifier)
        #expect(session.finish().code == 143)
      case .killedContainer:
        #expect(try sandbox.skiff(["kill", "bare"]).code == 0)
        #expect(session.finish().code == 137)
      }
      for words in ["sleep 4712", "/sleep 4713", "skiff-sweep"] { _ = try processes(words, count: 0) }
      if ending != .killedContainer {
        #expect(try sandbox.skiff(["inspect", "-f", "{{.State.Status}}", "bare"]).output == "running\n")
      }
    }
  }

  /// What the root holds where a linker, a shell or the C library would look is not looked at, and a link in it leads nowhere.
  @Test func aHostileRootIsNotBelieved() throws {
    try Sandbox.with { sandbox in
      let line = """
        set -e
        root=\(sandbox.rootfs)
        mkdir -p $root/lib64 $root/usr/bin $root/etc $root/tmp
        cp /bin/busybox $root/lib64/ld-linux-x86-64.so.2
        printf '#!/bin/sh\\necho owned\\n' | tee $root/usr/bin/ls >$root/usr/bin/id
        chmod +x $root/usr/bin/ls $root/usr/bin/id
        echo /container/evil.so >$root/etc/ld.so.preload
        echo 'echo owned' >$root/etc/bash.bashrc
        rm -f $root/etc/passwd; ln -s /proc/1/root/etc/passwd $root/etc/passwd
        ln -s ../../../../../../../../etc/shadow $root/etc/group
        """
      #expect(try sandbox.shell(line).code == 0)
      let started = try sandbox.skiff([
        "run", "-d", "--name", "evil", "--network", "none", "-e", "LD_PRELOAD=/container/evil.so", "-e",
        "BASH_ENV=/container/etc/bash.bashrc", "-e", "PATH=/container/usr/bin", "--rootfs", sandbox.rootfs,
        "/bin/sleep",
        "100000",
      ])
      try #require(started.code == 0, "\(started)")
      let seen = try sandbox.skiff([
        "debug", "evil", "bash", "-c",
        "ls -d /container; id -u; echo ${LD_PRELOAD-none}; cat /etc/group /etc/passwd; ls /etc/ld.so.preload",
      ])
      #expect(seen.output == "/container\n0\nnone\nroot:x:0:\nroot:x:0:0:root:/tmp:/bin/sh\n", "\(seen)")
      #expect(seen.code == 2 && seen.errors.hasSuffix("'/etc/ld.so.preload': No such file or directory\n"), "\(seen)")
      #expect(try sandbox.skiff(["rm", "-f", "evil"]).code == 0)
    }
  }

  @Test func rightsAreThoseOfExecAndMoreWhenAsked() throws {
    try with { sandbox, _ in
      func capabilities(_ options: String...) throws -> String {
        let words = ["debug"] + options + ["bare", "grep", "CapEff\\|Seccomp:", "/proc/self/status"]
        return try sandbox.skiff(words).output
      }
      #expect(try capabilities() == "CapEff:\t00000000a80425fb\nSeccomp:\t2\n")
      let more = try capabilities("--privileged")
      #expect(more.hasSuffix("Seccomp:\t0\n") && !more.contains("a80425fb"), "\(more)")
      #expect(try capabilities("-u", "7").hasPrefix("CapEff:\t0000000000000000\n"))
      let environment = try sandbox.skiff(["debug", "-e", "A=b", "-w", "/tmp", "bare", "sh", "-c", "echo $A; pwd"])
      #expect(environment.output == "b\n/tmp\n", "\(environment)")
    }
  }

  @Test func whatCannotBeIsSaid() throws {
    try with { sandbox, _ in
      let missing = try sandbox.skiff(["debug", "--tools", "nosuchtool", "bare", "true"])
      #expect(missing.code == 127)
      #expect(missing.errors.hasPrefix("skiff: the toolbox lacks something: no such program: nosuchtool\nhint: "))
      let script = try sandbox.skiff(["debug", "--explain=shell", "bare"])
      #expect(script.code == 125 && script.errors.hasPrefix("skiff: debug has no script: "), "\(script)")
      let plan = try sandbox.skiff(["debug", "--explain", "--dry-run", "bare", "touch", "/container/made"])
      #expect(plan.code == 0 && plan.output.contains("Turn the toolbox into /, read-only"), "\(plan)")
      #expect(try sandbox.skiff(["debug", "bare", "ls", "/container/made"]).code == 2)
      #expect(try sandbox.skiff(["pause", "bare"]).code == 0)
      let paused = try sandbox.skiff(["debug", "bare", "true"])
      #expect(paused.errors == "skiff: container bare is paused\nhint: skiff unpause bare\n" && paused.code == 125)
      #expect(try sandbox.skiff(["kill", "bare"]).code == 0)
      sandbox.settle()
      let stopped = try sandbox.skiff(["container", "debug", "bare"])
      #expect(stopped.code == 125 && stopped.errors.hasPrefix("skiff: container bare is not running\n"), "\(stopped)")
    }
  }
}
