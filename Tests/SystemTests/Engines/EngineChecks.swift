import Foundation
import Kernel
import Testing

// What docker and podman have in common, each checked by its effect.

extension EngineUnderTest {
  private func state(_ name: String, _ member: String) throws -> String {
    try call("inspect", "-f", "{{.State.\(member)}}", name).output.trimmingCharacters(in: .newlines)
  }

  func checkLife() throws {
    let script = "trap 'echo usr1' USR1; trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"
    try withContainer("lived", script: script) {
      let logs = command + ["logs", "lived"]
      try host.expect("up", of: logs)
      #expect(try call("exec", "lived", "sh", "-c", "exit 7").code == 7)
      #expect(
        try call("exec", "-u", "alice", "-w", "/tmp", "-e", "A=b", "lived", "sh", "-c", "id -u; pwd; echo $A").output
          == "1000\n/tmp\nb\n")
      #expect(try call("exec", "lived", "/etc/passwd").code == 126)
      let missing = try call("exec", "lived", "nonexistent")
      #expect([126, 127].contains(missing.code))
      #expect((missing.errors + missing.output).contains("executable file not found in $PATH"), "\(missing.errors)")
      #expect(try call("kill", "-s", "USR1", "lived").code == 0)
      try host.expect("usr1", of: logs)
      #expect(try call("stop", "-t", "20", "lived").code == 0)
      #expect(try state("lived", "Status") == "exited")
      #expect(try state("lived", "ExitCode") == "3")
      #expect(try call("kill", "lived").code != 0)
      #expect(try call("start", "lived").code == 0)
      #expect(try state("lived", "Status") == "running")
      let before = try state("lived", "Pid")
      #expect(try call("restart", "-t", "20", "lived").code == 0)
      #expect(try state("lived", "Pid") != before)
      #expect(try call("kill", "lived").code == 0)
      #expect(try call("wait", "lived").output == "137\n")
    }
  }

  func checkPause() throws {
    let script = "i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.02; done"
    try withContainer("paused", script: script) {
      #expect(try call("pause", "paused").code == 0)
      #expect(try state("paused", "Status") == "paused")
      let process = try state("paused", "Pid")
      func count() throws -> String { try host.shell("cat /proc/\(process)/root/count").output }
      let before = try count()
      usleep(300_000)
      #expect(try count() == before)
      #expect(try call("exec", "paused", "true").code != 0)
      #expect(try call("unpause", "paused").code == 0)
      usleep(300_000)
      #expect(try count() != before)
    }
  }

  func checkTop(_ words: [String]) throws {
    try withContainer("topped", script: "sleep 1000 & wait") {
      try host.expect("sleep 1000", of: words)
    }
  }

  func checkUpdate(_ words: [String]) throws {
    let script = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null"
    try withContainer("updated", ["-m", "32m", "--cgroupns", "private"]) {
      #expect(try call("exec", "updated", "sh", "-c", script).output == "33554432\n")
      let update = try host.run(words + ["updated"])
      #expect(update.code == 0, "\(update.errors)")
      #expect(try call("exec", "updated", "sh", "-c", script).output == "67108864\n")
    }
  }

  func checkStatistics() throws {
    try withContainer("measured", ["-m", "64m"], script: "sleep 1000 & sleep 1000 & wait") {
      let format = "{{.MemUsage}};{{.PIDs}}"
      let text = try call("stats", "--no-stream", "--format", format, "measured").output
      let fields = text.trimmingCharacters(in: .newlines).split(separator: ";").map(String.init)
      try #require(fields.count == 2, "\(text)")
      // 64 MiB, which podman writes by tens.
      #expect(fields[0].contains("/ 64MiB") || fields[0].contains("/ 67.11MB"), "\(text)")
      #expect(!fields[0].hasPrefix("0B"))
      #expect(fields[1] == "3")
    }
  }

  func checkPortAndVolume(port: Int) throws {
    let serve = "echo hello >/data/index.html; cd /data; exec httpd -f -p 80"
    try withContainer("web", ["-p", "127.0.0.1:\(port):80", "-v", "kept:/data"], script: serve) {
      let fetch = ["/bin/busybox", "wget", "-qO-", "http://127.0.0.1:\(port)/index.html"]
      try host.expect("hello", of: fetch)
    }
    #expect(
      try sh(["-v", "kept:/data:ro"], "cat /data/index.html; touch /data/x 2>/dev/null || echo closed").output
        == "hello\nclosed\n")
  }

  func checkTerminal() throws {
    let options = ["run", "-it", "--rm", "--network", "none"] + runOptions
    try checkTerminal(command + options + ["box", "sh", "-c"])
    try withContainer("typed") {
      try checkTerminal(command + ["exec", "-it", "typed", "sh", "-c"])
    }
  }

  /// - Parameter words: up to a line of sh.
  func checkTerminal(_ words: [String]) throws {
    // An engine tells the container the size a moment after its start.
    let script = "sleep 0.5; stty size; tty; read line; stty size; exit 9"
    let screen = try Typist(host).run(words + [script])
    #expect(screen == "24 80\n/dev/pts/0\nnext\n33 99\nexit 9\n")
  }

  func checkSharing() throws {
    let script = "echo $$ >/dev/shm/mark; exec sleep 1000"
    try withContainer("shared", ["--ipc", "shareable", "--network", "none"], script: script) {
      let options = ["--ipc", "container:shared", "--pid", "container:shared", "--network", "container:shared"]
      // Number 1 of the shared namespace is the other's, and so is what it keeps in memory.
      let result = try sh(options, "cat /proc/1/comm /dev/shm/mark; [ $$ != 1 ] && echo later")
      #expect(result.output == "sleep\n1\nlater\n", "\(result.errors)")
      #expect(try state("shared", "Status") == "running")
    }
  }

  /// - Parameter isReported: whether the engine says so with its own runtime.
  func checkOutOfMemory(isReported: Bool) throws {
    defer { _ = try? host.run(command + removal + ["eaten"]) }
    let eat = "x=$(dd if=/dev/zero bs=1M count=50 2>/dev/null | tr '\\0' x); echo ${#x}"
    let result = try run(["--name", "eaten", "--network", "none", "-m", "16m"], "sh", "-c", eat)
    #expect(result.code == 137, "\(result.output)\(result.errors)")
    if isReported { #expect(try state("eaten", "OOMKilled") == "true") }
  }

  func checkCreated() throws {
    let created = try host.run(
      command + ["create", "--name", "unstarted", "--network", "none"] + runOptions + ["box", "true"])
    #expect(created.code == 0, "\(created.errors)")
    #expect(try call("rm", "-f", "unstarted").code == 0)
    #expect(try call("ps", "-aq").output == "")
  }
}

/// A person at a terminal of 24 by 80 who makes it 33 by 99 and then types a line.
struct Typist {
  private let host: EngineHost

  init(_ host: EngineHost) { self.host = host }

  /// What was on the screen, and the code that the command exited with.
  func run(_ words: [String]) throws -> String {
    try Data(Self.script.utf8).write(to: URL(filePath: host.folder + "/typist.py"))
    let screen = try host.run(["python3", host.folder + "/typist.py"] + words).output
    // A terminal in front of a terminal returns the carriage twice.
    return String(screen.unicodeScalars.filter { $0 != "\r" }.map(Character.init))
  }

  private static let script = #"""
    import fcntl, os, pty, select, signal, struct, sys, termios, time
    process, terminal = pty.fork()
    if process == 0: os.execvp(sys.argv[1], sys.argv[1:])
    size = lambda rows, columns: fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    size(24, 80)
    screen = b""
    def look(text, seconds):
        global screen
        end = time.time() + seconds
        while text not in screen and time.time() < end:
            if not select.select([terminal], [], [], 0.1)[0]: continue
            try: screen += os.read(terminal, 4096)
            except OSError: return
    look(b"pts/", 20)
    size(33, 99); os.kill(process, signal.SIGWINCH); time.sleep(0.5)
    os.write(terminal, b"next\n")
    look(b"33 99\r\n", 10); look(b"\0", 1)
    sys.stdout.buffer.write(screen); sys.stdout.flush()
    print("exit", os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    """#
}
