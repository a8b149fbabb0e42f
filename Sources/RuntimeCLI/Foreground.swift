internal import Kernel
internal import OCIRuntime
internal import Terminals

/// A command that stays until the process that it started has ended: it passes signals on, and its terminal.
struct Foreground: ~Copyable {
  private let signals: SignalDescriptor

  /// Before the process is started, so that no signal for it is lost.
  init() throws(Fault) {
    try setSignalMask(.block, .all)
    signals = try SignalDescriptor(.all)
  }

  /// - Parameters:
  ///   - terminal: the master of the process's pseudo terminal, when it has one that is looked after here.
  ///   - readiness: passes on that the program is ready; with a terminal nobody waits for that.
  /// - Returns: the exit code.
  mutating func awaitEnd(
    of process: BorrowedDescriptor, terminal: consuming Descriptor?, passing readiness: consuming NotifyRelay? = nil
  ) throws(Fault) -> Int32 {
    switch consume terminal {
    case .some(let master): try relay(master.borrowed, process)
    case .none: try passSignals(to: process, readiness)
    }
    return try wait(for: .pidfd(process))?.status.code ?? 137
  }

  private func passSignals(to process: BorrowedDescriptor, _ relay: consuming NotifyRelay?) throws(Fault) {
    var relay = relay
    while true {
      var sources: [(BorrowedDescriptor, PollEvents)] = [(process, .readable), (signals.borrowed, .readable)]
      if let socket = relay.view { sources.append((socket, .readable)) }
      let ready = try pollAtRest(sources)
      // This process is the service's main one: its end is the container's.
      if ready.count > 2, !ready[2].isEmpty, try relay.pass(mainProcess: processIdentifier()) { relay = nil }
      while let report = try signals.next() {
        // Children are this process's own affair, and a resized window means nothing without a terminal.
        if report.signal == Signal.child || report.signal == Signal.windowChange { continue }
        try? sendSignal(report.signal, to: process)
      }
      if !ready[0].isEmpty { return }
    }
  }

  private func relay(_ master: BorrowedDescriptor, _ process: BorrowedDescriptor) throws(Fault) {
    // First what keeps a signal from ending this process, then what must be given back on every way out.
    var relay = try TerminalRelay(input: .standardInput, output: .standardOutput, master: master)
    let raw = isTerminal(.standardInput) ? try RawTerminal(.standardInput) : nil
    while case .interrupted(let signal) = try relay.run() { try? sendSignal(signal, to: process) }
    try raw?.restore()
  }
}
