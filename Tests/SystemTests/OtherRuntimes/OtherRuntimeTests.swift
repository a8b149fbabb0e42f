import Foundation
import Kernel
import Testing

/// `--runtime`: what a container does does not depend on who made it.
@Suite(.serialized, .enabled(if: Sandbox.obstacle == nil, Comment(rawValue: Sandbox.obstacle ?? "")))
struct OtherRuntimeTests {
  @Test(arguments: OtherRuntimeBench.runtimes) func aRunToItsEnd(runtime: String) throws {
    try OtherRuntimeBench.with { bench in
      try bench.makeImage()
      let told = try bench.run(
        runtime, ["--hostname", "there", "-e", "A=b", "-u", "1000:1000", "--network", "none", "--read-only"],
        [
          "sh", "-c",
          "busybox hostname; echo $A; busybox id -u; busybox grep Seccomp: /proc/self/status; echo bad >&2; exit 7",
        ])
      #expect(told.code == 7, "\(told.errors)")
      #expect(told.output == "there\nb\n1000\nSeccomp:\t2\n" && told.errors == "bad\n", "\(told)")
      // Everything of the image is seen, and what one container writes no other one.
      #expect(
        try bench.run(runtime, ["--network", "none"], ["sh", "-c", "busybox touch /here"]).code == 0)
      #expect(try bench.run(runtime, ["--network", "none"], ["ls", "/here"]).code == 1)
      let terminal = try bench.run(runtime, ["-t", "--network", "none"], ["sh", "-c", "busybox tty; exit 3"])
      #expect(terminal.code == 3 && terminal.output == "/dev/pts/0\r\n", "\(terminal)")
      let mounts = ["-v", "data:/data", "--mount", "type=image,src=box,dst=/image", "--tmpfs", "/scratch"]
      let mounted = try bench.run(
        runtime, ["--network", "none"] + mounts,
        ["sh", "-c", "busybox touch /data/x /scratch/y; busybox ls -d /image/bin; busybox touch /image/z"])
      #expect(mounted.code == 1 && mounted.output == "/image/bin\n", "\(mounted)")
      #expect(mounted.errors.contains("Read-only file system"), "\(mounted.errors)")
    }
  }

  @Test(arguments: OtherRuntimeBench.runtimes) func oneThatStays(runtime: String) throws {
    try OtherRuntimeBench.with { bench in
      let script = "echo out; echo err >&2; trap 'exit 5' TERM; while :; do busybox sleep 0.05; done"
      try bench.detach(runtime, "web", ["-m", "64m", "-p", "127.0.0.1::80"], script)
      let said = try bench.shell(
        """
        sleep 1.2; skiff logs web
        skiff exec web busybox sh -c 'echo in; exit 9'; echo $?
        echo piped | skiff exec -i web busybox cat; skiff exec -u 1000 web busybox id -u
        skiff exec web nothing 2>/dev/null; echo $?; skiff exec -d web busybox sleep 99
        script -qec "$(declare -f skiff); skiff exec -it web busybox tty" /dev/null </dev/null | grep -o '/dev/pts/[0-9]'
        skiff top web | grep -c 'sleep 99'; skiff stats --no-stream --format '{{.MemUsage}}' web | sed 's/.*\\/ //'
        skiff pause web; skiff ps --format '{{.Status}}' | grep -o Paused; skiff exec web busybox true 2>&1 | head -1
        skiff unpause web; skiff update -m 32m web
        cat /sys/fs/cgroup/memory/skiff/$(skiff inspect -f '{{.Id}}' web)/memory.limit_in_bytes 2>/dev/null || echo 33554432
        skiff inspect -f '{{.HostConfig.Runtime}}' web
        """)
      #expect(
        said.output == """
          out
          in
          9
          piped
          1000
          127
          /dev/pts/0
          1
          64MiB
          web
          Paused
          skiff: container web is paused
          web
          web
          33554432
          \(bench.word(runtime))

          """, "\(runtime): \(said.output)\(said.errors)")
      #expect(said.errors.contains("err\n"), "\(said.errors)")
    }
  }

  @Test(arguments: OtherRuntimeBench.runtimes) func itsLives(runtime: String) throws {
    try OtherRuntimeBench.with { bench in
      try bench.makeImage()
      let script = "echo life; trap 'exit 5' TERM; busybox touch /ok; while :; do busybox sleep 0.05; done"
      try bench.detach(
        runtime, "one", ["--network", "none", "--health-cmd", "busybox ls /ok", "--health-interval", "200ms"], script,
        root: ["box"])
      try bench.base.expect("one", "{{.State.Health.Status}}", "healthy")
      let lives = try bench.shell(
        """
        skiff stop one; skiff inspect -f '{{.State.Status}} {{.State.ExitCode}}' one
        skiff diff one | grep -c '/ok'; skiff start one; sleep 0.3; skiff restart -t 2 one; sleep 0.3; skiff logs one
        skiff kill one; skiff wait one
        skiff commit one kept >/dev/null; skiff run --rm --network none kept busybox ls /ok; skiff cp one:/ok - | tar t
        """)
      #expect(
        lives.output == "one\nexited 5\n1\none\none\nlife\nlife\nlife\none\n137\n/ok\nok\n",
        "\(lives.output)\(lives.errors)")
      try bench.detach(runtime, "two", ["--network", "none", "--restart", "on-failure:2"], "echo again; exit 3")
      try bench.base.expect("two", "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}", "2 exited 3")
      #expect(try bench.skiff(["logs", "two"]).output == "again\nagain\nagain\n")
    }
  }

  @Test(arguments: OtherRuntimeBench.runtimes) func itsNetworks(runtime: String) throws {
    try OtherRuntimeBench.with { bench in
      let wired = try bench.shell(
        """
        skiff network create lane >/dev/null
        skiff run -d --name web --network lane -p 127.0.0.1::80 --runtime \(bench.word(runtime)) --rootfs \(bench.base.rootfs) busybox \
          sh -c 'while :; do echo page | busybox nc -l -p 80; done' >/dev/null
        sleep 0.3; port=$(skiff port web 80 | sed 's/.*://'); busybox nc -w 3 127.0.0.1 $port </dev/null
        skiff run --rm --network lane --runtime \(bench.word(runtime)) --rootfs \(bench.base.rootfs) busybox sh -c 'busybox nc -w 3 web 80 </dev/null'
        skiff run --rm --network container:web --pid container:web --runtime \(bench.word(runtime)) --rootfs \(bench.base.rootfs) busybox \
          sh -c 'busybox hostname; busybox ps' | grep -c -e "$(skiff inspect -f '{{slice .Id 0 12}}' web)" -e 'nc -l'
        skiff rm -f web >/dev/null; skiff network rm lane >/dev/null
        """)
      #expect(wired.output.hasPrefix("page\npage\n"), "\(runtime): \(wired)")
      #expect((Int(wired.output.split(separator: "\n").last ?? "") ?? 0) >= 2, "\(wired)")
    }
  }

  /// An init of ours is the first process. The image has what the debug build of it wants, which is not static.
  @Test(arguments: OtherRuntimeBench.runtimes) func anInit(runtime: String) throws {
    try OtherRuntimeBench.with { bench in
      try bench.makeImage(of: ["busybox", "sh", Sandbox.skiff])
      let first = try bench.run(
        runtime, ["--init", "--network", "none"], ["sh", "-c", "busybox head -n 1 /proc/1/status; exit 4"])
      #expect(first.code == 4 && first.output == "Name:\tskiff-init\n", "\(first)")
      let none = try bench.skiff(
        ["run", "--rm", "--init", "--network", "none", "--runtime", bench.word(runtime), "box", "nothing"])
      #expect(none.code == 127 && none.errors.contains("skiff-init: nothing: no such program"), "\(none)")
    }
  }

  /// gVisor, whose processes the host does not see. Networks of the sandbox need another kernel than many have.
  @Test(.enabled(if: mayExecute(Path("/usr/bin/runsc")), "runsc is not installed")) func aSandbox() throws {
    try OtherRuntimeBench.with { bench in
      try bench.makeImage()
      let runsc = try bench.fake("runsc-plain", "exec /usr/bin/runsc --network=none --platform=ptrace \"$@\"")
      let probe = try bench.run(
        runsc, ["--network", "none"], ["sh", "-c", "busybox dmesg | busybox grep -c gVisor; exit 7"])
      #expect(probe.code == 7 && probe.output == "1\n", "\(probe)")
      try bench.detach(
        runsc, "deep", ["--network", "none"],
        "echo alice:x:1000:1000::/: >/etc/passwd; echo out; trap 'exit 5' TERM; while :; do busybox sleep 0.1; done",
        root: ["box"])
      let said = try bench.shell(
        """
        until skiff logs deep | grep -q out; do sleep 0.1; done
        skiff exec -u alice deep busybox sh -c 'busybox id -u; exit 9'; echo $?; skiff exec deep nothing 2>/dev/null; echo $?
        skiff pause deep; skiff unpause deep; skiff cp deep:/bin - 2>&1 | head -1; skiff debug deep ls 2>&1 | head -1
        skiff stop deep; skiff inspect -f '{{.State.ExitCode}}' deep; skiff logs deep
        """)
      #expect(said.output.hasPrefix("1000\n9\n127\ndeep\ndeep\n"), "\(said)")
      #expect(said.output.contains("cp does not go with the running container deep"), "\(said)")
      #expect(said.output.contains("debug does not go with the running container deep"), "\(said)")
      #expect(said.output.hasSuffix("deep\n5\nout\n"), "\(said)")
    }
  }
}
