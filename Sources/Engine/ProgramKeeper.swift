package import Containers
internal import Inside
internal import Journal
internal import Kernel
internal import Monitoring
internal import Planning

/// The process that `exec` leaves beside a program: with a terminal, or detached (KeptTerminal.swift draws it).
struct ProgramKeeper {
  /// The one word that the command says.
  static let detach: UInt8 = 1

  let engine: Engine
  /// By which the events name what it keeps.
  let execution: String
  /// From the start: nobody attends to the program.
  let isDetached: Bool
  /// Open as long as this process lives, or somebody listens.
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
      let identifier = try engine.find(word)
      let streams = StandardStreams(input: .standardInput, output: .standardOutput, errors: .standardError)
      var process = try engine.execute(plan, streams: streams, in: word, isTimed: isTimed, toolbox: toolbox)
      var master = process.terminal.take()
      guard master != nil || !plan.hasTerminal else {
        throw Failure(.host, "cannot execute in \(word): the program has no terminal")
      }
      for line in process.timings { _ = try channel.send(Frame.timing(line).bytes) }
      if !isDetached, let master = master.view {
        _ = try channel.sendMessage(Frame.started(0).bytes, descriptors: [master])
      } else {
        // Whoever asked may be gone by now; the program runs all the same.
        _ = try? channel.send(Frame.started(0).bytes)
      }
      var isLeft = isDetached
      if !isLeft { isLeft = try keep(&master, for: process) }
      if isLeft { goOn(process, master, in: identifier) } else { tellEnd(process, in: identifier) }
      exitNow(0)
    } catch {
      let failure = error as? Failure ?? Failure(.host, "cannot execute in \(word): \(error)")
      let frame = Frame.failed(code: failure.exitCode, message: failure.message, hint: failure.hint ?? "")
      _ = try? channel.send(frame.bytes)
      exitNow(125)
    }
  }

  /// Until the program ends, or the command leaves it to itself: then true.
  private func keep(_ master: inout Descriptor?, for process: borrowing ExecutedProcess) throws(Fault) -> Bool {
    var commandIsThere = true
    var buffer = [UInt8](repeating: 0, count: 16)
    while true {
      var watched: [(BorrowedDescriptor, PollEvents)] = [(process.pidfd.borrowed, .readable)]
      if commandIsThere { watched.append((channel, .readable)) }
      let ready = try poll(watched)
      if !ready[0].isEmpty { return false }
      guard commandIsThere else { continue }
      if ((try? channel.receive(into: &buffer)) ?? 0) > 0 { return true }
      commandIsThere = false
      master = nil
      // A session of `debug` ends with its command, whatever its program thinks of a hangup.
      if toolbox != nil { try sendSignal(9, to: process.pidfd.borrowed) }
    }
  }

  /// To the command, or where that is gone to who reads the events.
  private func tellEnd(_ process: borrowing ExecutedProcess, in identifier: ContainerIdentifier) {
    let code = process.exitCode()
    if (try? channel.send(Frame.exited(code: code, message: "").bytes)) == nil {
      engine.noteEnd(of: execution, code, in: identifier, nil)
    }
  }

  /// As this program anew, which has the descriptors by the same numbers; to the program's end where that cannot be.
  private func goOn(
    _ process: borrowing ExecutedProcess, _ master: borrowing Descriptor?, in identifier: ContainerIdentifier
  ) {
    try? Descriptor(owning: channel.rawValue).close()
    let kept = [process.pidfd.borrowed] + [master.view].compactMap { $0 }
    let numbers = kept.map(\.rawValue)
    try? executeThisProgram(
      arguments: engine.keeperArguments(execution, in: identifier) + numbers.map { Path("\($0)") }, keeping: kept)
    // The kernel has no memory for it.
    engine.awaitExecuted(execution, in: identifier, kept: kept.compactMap { try? $0.duplicate().release() })
  }
}

extension Engine {
  /// What MonitorProgram reads.
  package static let keeperOption = "--exec"

  func keeperArguments(_ execution: String, in identifier: ContainerIdentifier) -> [Path] {
    ["skiff-monitor", Path(Self.keeperOption), Path(identifier.description), state.root, state.run, Path(execution)]
  }

  /// Waits for a child of this process that nobody attends to, and notes its end. Where it has a terminal, what it says there is
  /// read, so that it never has to wait for a reader.
  ///
  /// - Parameter kept: the numbers of its pidfd and of its terminal's master.
  package func awaitExecuted(_ execution: String, in identifier: ContainerIdentifier, kept: [Int32]) {
    setProcessName("skiff-exec")
    guard let first = kept.first else { return }
    for number in kept { try? BorrowedDescriptor(rawValue: number).setCloseOnExecute() }
    // The container may be removed with the program in it.
    let record = try? record(of: identifier)
    let pidfd = Descriptor(owning: first)
    var master = kept.dropFirst().first.map { Descriptor(owning: $0) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      var watched: [(BorrowedDescriptor, PollEvents)] = [(pidfd.borrowed, .readable)]
      if let master = master.view { watched.append((master, .readable)) }
      guard let ready = try? poll(watched), ready[0].isEmpty else { break }
      // EIO: no process has the other end open any more.
      if let view = master.view, ((try? view.read(into: &buffer)) ?? 0) == 0 { master = nil }
    }
    let code = ((try? Kernel.wait(for: .pidfd(pidfd.borrowed))) ?? nil)?.status.code ?? 137
    noteEnd(of: execution, code, in: identifier, record)
  }

  /// - Parameter known: the container's record as it was, for one that is gone by now.
  func noteEnd(of execution: String, _ code: Int32, in identifier: ContainerIdentifier, _ known: ContainerRecord?) {
    guard let record = (try? record(of: identifier)) ?? known else { return }
    note(.execDie, record, ["execID": execution, "exitCode": "\(code)"])
  }
}

extension Toolbox {
  /// The highest of the numbers that the copies of `kept` have.
  static let lastKept: Int32 = 6

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
