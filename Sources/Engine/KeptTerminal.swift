package import Inside
package import Kernel
internal import Monitoring
package import Planning

// `exec -t`: who holds the master of the program's pseudo terminal, and so keeps it from a hangup.
//
// ```
//   command ── fork ─→ keeper ── joins the container ─→ program
//       ←── started, with a copy of the master ──┘
//   copies between the two terminals, and then either
//       ── detached ─→ the keeper reads what the program says, so that it never has to wait
//   or  ── (closed) ─→ the keeper lets go of the master: SIGHUP for the program, as when a window is closed
//   or  ←── exited, with the code
// ```
//
// The keeper is there from the start, for only its parent can reap the program: an orphan that nobody reaps would keep the
// container's pid namespace, and with it the container, from ending.

/// A program with a terminal that `exec` started, as the command sees it. When it goes, so does the terminal.
package struct TerminalSession: ~Copyable {
  private let keeper: Descriptor
  package let master: Descriptor
  /// Lines of `--timings`.
  package let timings: [String]

  fileprivate init(keeper: consuming Descriptor, master: consuming Descriptor, timings: [String]) {
    self.keeper = keeper
    self.master = master
    self.timings = timings
  }

  /// The program goes on without us.
  package consuming func detach() { _ = try? keeper.borrowed.send([TerminalKeeper.detach]) }

  /// Waits for the program's end.
  package consuming func exitCode() -> Int32 {
    guard let answer = try? KeeperAnswer(from: keeper.borrowed), case .exited(let code, _) = answer.frame else {
      return 137
    }
    return code
  }
}

extension Engine {
  /// Performs a plan with a terminal up to the running program. The calling process runs from a sealed executable.
  package func executeWithTerminal(
    _ plan: ExecPlan, in word: String, isTimed: Bool = false, toolbox: Toolbox? = nil
  ) throws(Failure) -> TerminalSession {
    let channel = try startKeeper(plan, word, isTimed: isTimed, toolbox)
    var timings: [String] = []
    var answer = try nextAnswer(channel.borrowed, word)
    while case .timing(let line) = answer.frame {
      timings.append(line)
      answer = try nextAnswer(channel.borrowed, word)
    }
    if case .failed(let code, let message, let hint) = answer.frame {
      throw Failure(.init(exitCode: code), message, hint: hint.isEmpty ? nil : hint)
    }
    guard let master = answer.message.descriptors.take() else {
      throw Failure(.host, "cannot execute in \(word): the process that holds its terminal was killed")
    }
    return TerminalSession(keeper: channel, master: master, timings: timings)
  }

  private func nextAnswer(_ channel: BorrowedDescriptor, _ word: String) throws(Failure) -> KeeperAnswer {
    do throws(Fault) { return try KeeperAnswer(from: channel) } catch {
      throw Failure("cannot execute in \(word)", error)
    }
  }

  private func startKeeper(
    _ plan: ExecPlan, _ word: String, isTimed: Bool, _ toolbox: Toolbox?
  ) throws(Failure) -> Descriptor {
    do throws(Fault) {
      let pair = try makeSocketPair(.sequencedPacket)
      let (ours, theirs) = (pair.first.release(), pair.second.release())
      if try fork() == nil {
        _ = Descriptor(owning: ours)
        var keeper = TerminalKeeper(engine: self, channel: BorrowedDescriptor(rawValue: theirs), toolbox: toolbox)
        keeper.run(plan, in: word, isTimed: isTimed)
      }
      _ = Descriptor(owning: theirs)
      return Descriptor(owning: ours)
    } catch { throw Failure("cannot execute in \(word)", error) }
  }
}

extension Failure.Kind {
  fileprivate init(exitCode: Int32) {
    switch exitCode {
    case 126: self = .notExecutable
    case 127: self = .programNotFound
    default: self = .host
    }
  }
}

extension Toolbox {
  /// The highest of the numbers that the copies of `kept` have.
  fileprivate static let lastKept: Int32 = 6

  /// Copies at fixed numbers, the first after the channel's.
  fileprivate func kept() throws(Fault) -> Toolbox {
    let mount = try mount.duplicate(from: 10)
    let leash = try leash.duplicate(from: 10)
    let procfs = try procfs.duplicate(from: 10)
    try mount.borrowed.duplicate(asInherited: 4)
    try leash.borrowed.duplicate(asInherited: 5)
    try procfs.borrowed.duplicate(asInherited: Self.lastKept)
    return Toolbox(
      mount: BorrowedDescriptor(rawValue: 4), leash: BorrowedDescriptor(rawValue: 5),
      procfs: BorrowedDescriptor(rawValue: Self.lastKept))
  }
}

/// One message of the keeper; without a frame it was killed.
private struct KeeperAnswer: ~Copyable {
  var frame: Frame?
  var message: ReceivedMessage

  init(from channel: BorrowedDescriptor) throws(Fault) {
    var buffer = [UInt8](repeating: 0, count: frameLimit)
    message = try channel.receiveMessage(into: &buffer)
    var bytes = Array(buffer[..<message.count])
    frame = Frame.take(from: &bytes)?.first
  }
}

private struct TerminalKeeper {
  /// The one word that the command says.
  static let detach: UInt8 = 1

  let engine: Engine
  /// Open as long as this process lives.
  private(set) var channel: BorrowedDescriptor
  private(set) var toolbox: Toolbox?

  mutating func run(_ plan: ExecPlan, in word: String, isTimed: Bool) -> Never {
    do {
      // Neither the terminal's keys nor its hangup mean this process, and what the command has open, pipes above all, must
      // end with the command.
      try startSession()
      do {
        let null = try open("/dev/null", .readWrite)
        let channel = try self.channel.duplicate(from: 10)
        for number in Int32(0)...2 { try null.borrowed.duplicate(asInherited: number) }
        toolbox = try toolbox?.kept()
        try channel.borrowed.duplicate(asInherited: 3)
      }
      channel = BorrowedDescriptor(rawValue: 3)
      try closeDescriptors(from: toolbox == nil ? 4 : Toolbox.lastKept + 1, onExecute: false)
      setProcessName("skiff-exec")
      let streams = StandardStreams(input: .standardInput, output: .standardOutput, errors: .standardError)
      var process = try engine.execute(plan, streams: streams, in: word, isTimed: isTimed, toolbox: toolbox)
      guard let master = process.terminal.take() else {
        throw Failure(.host, "cannot execute in \(word): the program has no terminal")
      }
      for line in process.timings { _ = try channel.send(Frame.timing(line).bytes) }
      _ = try channel.sendMessage(Frame.started(0).bytes, descriptors: [master.borrowed])
      try keep(master, for: process)
      _ = try? channel.send(Frame.exited(code: process.exitCode(), message: "").bytes)
      exitNow(0)
    } catch {
      let failure = error as? Failure ?? Failure(.host, "cannot execute in \(word): \(error)")
      let frame = Frame.failed(code: failure.exitCode, message: failure.message, hint: failure.hint ?? "")
      _ = try? channel.send(frame.bytes)
      exitNow(125)
    }
  }

  /// Until the program ends.
  private func keep(_ master: consuming Descriptor, for process: borrowing ExecutedProcess) throws(Fault) {
    var master: Descriptor? = master
    var commandIsThere = true
    var isDetached = false
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      var watched: [(BorrowedDescriptor, PollEvents)] = [(process.pidfd.borrowed, .readable)]
      if commandIsThere { watched.append((channel, .readable)) }
      let drained = isDetached ? master.view : nil
      if let drained { watched.append((drained, .readable)) }
      let ready = try poll(watched)
      if !ready[0].isEmpty { return }
      if let drained, let events = ready.last, !events.isEmpty {
        // EIO: no process has the other end open any more.
        if ((try? drained.read(into: &buffer)) ?? 0) == 0 { master = nil }
      } else if commandIsThere, !ready[1].isEmpty {
        let count = (try? channel.receive(into: &buffer)) ?? 0
        isDetached = isDetached || count > 0
        commandIsThere = count > 0
        if !commandIsThere && !isDetached { master = nil }
        // A session of `debug` ends with its command, whatever its program thinks of a hangup.
        if !commandIsThere && toolbox != nil { try sendSignal(9, to: process.pidfd.borrowed) }
      }
    }
  }
}
