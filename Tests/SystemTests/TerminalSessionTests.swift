import Foundation
import Kernel
import Testing

/// A person at a terminal: a real pseudo terminal that the command has as its controlling one.
private final class Person {
  private let master: Descriptor
  private let terminal: Descriptor
  private let process = Foundation.Process()
  private var seen = ""
  let before: TerminalAttributes

  init(_ words: [String], state: URL, size: WindowSize) throws {
    let devpts = try open("/dev/pts", [.readOnly, .directory])
    let master = try open("ptmx", [.readWrite, .noControllingTerminal], at: devpts.borrowed)
    try unlockPseudoTerminal(master.borrowed)
    try setWindowSize(of: master.borrowed, to: size)
    let terminal = try openPseudoTerminalPeer(of: master.borrowed)
    before = try terminalAttributes(of: terminal.borrowed)
    process.executableURL = URL(filePath: "/usr/bin/setsid")
    process.arguments = ["--ctty", "--wait", Place.skiff] + words
    process.environment = [
      "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SKIFF_ROOT": state.path + "/lib", "SKIFF_STATE": state.path + "/run",
    ]
    let handle = FileHandle(fileDescriptor: terminal.rawValue, closeOnDealloc: false)
    process.standardInput = handle
    process.standardOutput = handle
    process.standardError = handle
    try process.run()
    self.master = master
    self.terminal = terminal
  }

  deinit { if process.isRunning { process.terminate() } }

  /// The command itself: `setsid` waits for it.
  func command() throws -> ProcessIdentifier {
    let children = "/proc/\(process.processIdentifier)/task/\(process.processIdentifier)/children"
    let words = try String(contentsOfFile: children, encoding: .utf8).split(separator: " ")
    return try #require(words.first.flatMap { ProcessIdentifier($0) })
  }

  func type(_ text: String) throws { try master.borrowed.write(text) }
  func resize(_ size: WindowSize) throws { try setWindowSize(of: master.borrowed, to: size) }

  var isRaw: Bool { get throws { try !terminalAttributes(of: terminal.borrowed).echoes } }
  var isAsBefore: Bool { get throws { try terminalAttributes(of: terminal.borrowed) == before } }

  /// Reads until the screen has shown the text; false when nothing comes for half a minute.
  func sees(_ text: String) throws -> Bool {
    while !seen.contains(text) {
      guard try poll(master.borrowed, .readable, milliseconds: 30_000).contains(.readable) else { return false }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = try master.borrowed.read(into: &buffer)
      seen += String(decoding: buffer[..<count], as: UTF8.self)
    }
    seen = ""
    return true
  }

  func exitCode() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }
}

/// State directories and a root of busybox's commands, gone afterwards.
private final class Place {
  let url = FileManager.default.temporaryDirectory.appending(path: "skiff-terminal-\(UUID().uuidString)")
  var root: String { url.path + "/rootfs" }
  static let skiff: String =
    ProcessInfo.processInfo.environment["SKIFF_RELEASE"]
    ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "skiff")
    .path

  init() throws {
    try FileManager.default.createDirectory(atPath: root + "/bin", withIntermediateDirectories: true)
    try copyBusybox(to: root + "/bin/busybox")
    for name in ["sh", "stty", "echo", "tty", "seq", "touch", "pidof", "sleep", "cat"] {
      try FileManager.default.createSymbolicLink(atPath: root + "/bin/" + name, withDestinationPath: "busybox")
    }
  }
  deinit { try? FileManager.default.removeItem(at: url) }

  /// A container that stays until it is removed.
  func start(_ name: String, _ options: String..., program: String? = nil) throws {
    let command = program.map { [$0] } ?? ["sleep", "1000"]
    let started = try skiff(
      ["run", "-d", "--name", name, "--network", "none"] + options + ["--rootfs", root] + command)
    try #require(started.code == 0, "\(started.output)")
  }

  /// Processes whose command line, words with spaces between, is such, and speaks of this place.
  func processes(_ isSuch: (String) -> Bool) throws -> [ProcessIdentifier] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { ProcessIdentifier($0) }.filter {
      process in
      let words = (try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8)) ?? ""
      return words.contains(url.path) && isSuch(words)
    }
  }

  func keepers() throws -> [ProcessIdentifier] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { ProcessIdentifier($0) }.filter {
      process in
      (try? String(contentsOfFile: "/proc/\(process)/environ", encoding: .utf8))?.contains(url.path) == true
        && (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)) == "skiff-exec\n"
    }
  }

  func skiff(_ words: String...) throws -> (code: Int32, output: String) { try skiff(words) }

  func skiff(_ words: [String]) throws -> (code: Int32, output: String) {
    let process = Foundation.Process()
    process.executableURL = URL(filePath: Place.skiff)
    process.arguments = words
    process.environment = [
      "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SKIFF_ROOT": url.path + "/lib", "SKIFF_STATE": url.path + "/run",
    ]
    let output = Foundation.Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
  }
}

@Suite(
  .enabled(
    if: effectiveUser() == 0
      && ["/bin/busybox", "/usr/bin/setsid"].allSatisfy { FileManager.default.isExecutableFile(atPath: $0) },
    "needs root, busybox and setsid"))
struct TerminalSessionTests {
  @Test func aTerminalIsRealResizesDetachesAndIsGivenBack() throws {
    let place = try Place()
    let run = try Person(
      ["run", "-it", "--rm", "--name", "talk", "--network", "none", "--rootfs", place.root, "sh"], state: place.url,
      size: WindowSize(rows: 33, columns: 99))
    #expect(try run.sees("# "))
    #expect(try run.isRaw)
    try run.type("stty size; tty\r")
    #expect(try run.sees("33 99\r\n/dev/"))
    try run.resize(WindowSize(rows: 40, columns: 120))
    // The resize travels as a message of its own: asked until it has come.
    try run.type("until [ \"$(stty size)\" = '40 120' ]; do :; done; echo grown:$((1+1))\r")
    #expect(try run.sees("grown:2"))
    // An interrupt is the container's, not the command's.
    try run.type("\u{3}echo still:$((2+2))\r")
    #expect(try run.sees("still:4"))
    try run.type("\u{10}\u{11}")
    #expect(run.exitCode() == 0)
    #expect(try run.isAsBefore)

    let attach = try Person(["attach", "talk"], state: place.url, size: WindowSize(rows: 20, columns: 70))
    try attach.type("until [ \"$(stty size)\" = '20 70' ]; do :; done; echo again:$((3+3))\r")
    #expect(try attach.sees("again:6"))
    try attach.type("exit 5\r")
    #expect(attach.exitCode() == 5)
    #expect(try attach.isAsBefore)
    #expect(try place.skiff("ps", "-aq") == (0, ""))
  }

  @Test func aTerminalIsGivenBackWhenTheStartFails() throws {
    let place = try Place()
    let run = try Person(
      ["run", "-it", "--rm", "--network", "none", "--rootfs", place.root, "nosuchprogram"], state: place.url,
      size: WindowSize(rows: 24, columns: 80))
    #expect(run.exitCode() == 127)
    #expect(try run.isAsBefore)
  }

  @Test func inputThatIsNoTerminalIsRefused() throws {
    let place = try Place()
    let result = try place.skiff("run", "-it", "--rm", "--network", "none", "--rootfs", place.root, "sh")
    #expect(result.code == 125 && result.output.contains("the input device is not a TTY"))
    #expect(try place.skiff("ps", "-aq") == (0, ""))
  }

  @Test func execHasATerminalOfItsOwn() throws {
    let place = try Place()
    let started = try place.skiff(
      "run", "-d", "--name", "still", "--network", "none", "--rootfs", place.root, "sh", "-c",
      "while :; do read -t 1000 x < /dev/zero; done")
    try #require(started.code == 0, "\(started.output)")
    defer { _ = try? place.skiff("rm", "-f", "still") }
    let person = try Person(["exec", "-it", "still", "sh"], state: place.url, size: WindowSize(rows: 21, columns: 71))
    #expect(try person.sees("# "))
    try person.type("until [ \"$(stty size)\" = '21 71' ]; do :; done; echo in:$((4+4))\r")
    #expect(try person.sees("in:8"))
    try person.type("exit 3\r")
    #expect(person.exitCode() == 3)
    #expect(try person.isAsBefore)
  }

  /// Without a word the shell gets a terminal, which no key leaves running.
  @Test func debugHasATerminalOfItsOwnAndEndsWithItsCommand() throws {
    let place = try Place()
    try place.start("still")
    defer { _ = try? place.skiff("rm", "-f", "still") }
    let size = WindowSize(rows: 22, columns: 72)
    let person = try Person(["debug", "still"], state: place.url, size: size)
    #expect(try person.sees("still (debug):/container> "))
    try person.type("until [ \"$(stty size)\" = '22 72' ]; do :; done; echo in:$((4+4))\r")
    #expect(try person.sees("in:8"))
    try person.type("cd /tmp\r")
    #expect(try person.sees("still (debug):/tmp> "))
    try person.type("exit 3\r")
    #expect(person.exitCode() == 3)
    #expect(try person.isAsBefore)

    // A hangup is not enough for those who ignore it.
    let other = try Person(["debug", "still"], state: place.url, size: size)
    #expect(try other.sees("still (debug):/container> "))
    try other.type("trap '' HUP; (while :; do sleep 0.1; done) & echo in:$((5+5))\r")
    #expect(try other.sees("in:10"))
    let session = try place.skiff("exec", "still", "pidof", "bash")
    #expect(session.output.split(separator: " ").count == 2, "\(session)")
    try sendSignal(Signal.kill, toProcess: other.command())
    #expect(other.exitCode() != 0)
    var left = ""
    for _ in 0..<600 {
      left = try place.skiff("exec", "still", "pidof", "bash").output
      if left.isEmpty { break }
      usleep(50_000)
    }
    #expect(left == "")
  }

  @Test func detachKeysLeaveAProgramThatExecStarted() throws {
    let place = try Place()
    try place.start("still")
    defer { _ = try? place.skiff("rm", "-f", "still") }
    let person = try Person(["exec", "-it", "still", "sh"], state: place.url, size: WindowSize(rows: 24, columns: 80))
    #expect(try person.sees("# "))
    // It says more than the terminal holds: without a reader it would never come to the last line.
    try person.type("until [ -e /go ]; do :; done; seq 100000; touch /done; read line\r")
    #expect(try person.sees("read line"))
    try person.type("\u{10}\u{11}")
    #expect(person.exitCode() == 0)
    #expect(try person.isAsBefore)
    #expect(try place.skiff("exec", "still", "touch", "/go").code == 0)
    #expect(
      try place.skiff("exec", "still", "sh", "-c", "until [ -e /done ]; do :; done; pidof seq || echo ended").output
        == "ended\n")
    #expect(try place.skiff("exec", "still", "pidof", "sh").output.split(separator: " ").count == 1)
    #expect(try place.skiff("rm", "-f", "still") == (0, "still\n"))
    #expect(try place.keepers().isEmpty)
  }

  @Test func aProgramOfExecInTheBackgroundKeepsItsTerminal() throws {
    let place = try Place()
    try place.start("still")
    defer { _ = try? place.skiff("rm", "-f", "still") }
    #expect(try place.skiff("exec", "-dt", "still", "sh", "-c", "tty >/answer; touch /done; sleep 1000") == (0, ""))
    let answer = try place.skiff(
      "exec", "still", "sh", "-c", "until [ -e /done ]; do :; done; cat /answer; pidof sleep")
    #expect(answer.output.hasPrefix("/dev/pts/") && answer.code == 0, "\(answer)")
  }

  @Test(arguments: [["exec", "-it", "still", "sh"], ["attach", "--sig-proxy=false", "still"]])
  func aSignalGivesTheTerminalBack(words: [String]) throws {
    let place = try Place()
    try place.start("still", "-it", program: "sh")
    defer { _ = try? place.skiff("rm", "-f", "still") }
    let person = try Person(words, state: place.url, size: WindowSize(rows: 24, columns: 80))
    try person.type("echo here:$((5+5))\r")
    #expect(try person.sees("here:10"))
    #expect(try person.isRaw)
    try sendSignal(Signal.terminate, toProcess: person.command())
    #expect(person.exitCode() == 143)
    #expect(try person.isAsBefore)
    #expect(try place.skiff("ps", "-q", "--filter", "status=running").output.isEmpty == false)
  }

  @Test func theTerminalIsGivenBackWhenTheSupervisorIsKilled() throws {
    let place = try Place()
    let run = try Person(
      ["run", "-it", "--rm", "--name", "talk", "--network", "none", "--rootfs", place.root, "sh"], state: place.url,
      size: WindowSize(rows: 33, columns: 99))
    #expect(try run.sees("# "))
    let supervisors = try place.processes { $0.hasPrefix("skiff-monitor") }
    try #require(supervisors.count == 1)
    let pidfd = try openProcess(supervisors[0])
    try sendSignal(Signal.kill, to: pidfd.borrowed)
    #expect(try run.sees("the supervisor of talk was killed"))
    // Its lock goes a moment after its sockets, and with that it is known to be dead.
    #expect(try poll(pidfd.borrowed, .readable, milliseconds: 10_000).contains(.readable))
    #expect(run.exitCode() == 125)
    #expect(try run.isAsBefore)
    // The next command heals.
    #expect(try place.skiff("ps", "-aq") == (0, ""))
  }
}
