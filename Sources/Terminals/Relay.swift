package import Kernel

/// Copies between a person's terminal and the master of a pseudo terminal until the other end closes, the detach keys are
/// typed, or a signal ends it. For a command that holds the master itself (`exec`); `attach` speaks frames.
package struct TerminalRelay: ~Copyable {
  /// How it ended.
  package enum End: Hashable, Sendable { case closed, detached, interrupted(signal: Int32) }

  private let input: BorrowedDescriptor
  private let output: BorrowedDescriptor
  private let master: BorrowedDescriptor
  private var keys: DetachKeys?
  private var pending: [UInt8] = []
  private let signals: SignalDescriptor
  private let maskBefore: SignalSet

  /// From here on no signal ends this process: a terminal is put into raw mode after this.
  ///
  /// - Parameter keys: nil when nothing that is typed leaves.
  package init(
    input: BorrowedDescriptor, output: BorrowedDescriptor, master: BorrowedDescriptor, keys: DetachKeys? = nil
  ) throws(Fault) {
    try master.setNonblocking(true)
    let watched = SignalSet(
      Signal.windowChange, Signal.hangUp, Signal.interrupt, Signal.quit, Signal.terminate)
    // Made before they are blocked: nothing is to undo when it cannot be made.
    let signals = try SignalDescriptor(watched)
    let maskBefore = try setSignalMask(.block, watched)
    self.signals = signals
    self.maskBefore = maskBefore
    self.input = input
    self.output = output
    self.master = master
    self.keys = keys
  }

  deinit { _ = try? setSignalMask(.set, maskBefore) }

  package mutating func run() throws(Fault) -> End {
    var inputIsOpen = true
    passSize()
    while true {
      var watched: [(BorrowedDescriptor, PollEvents)] = [
        (master, pending.isEmpty ? .readable : [.readable, .writable]), (signals.borrowed, .readable),
      ]
      // A container that does not read stops the typing, not our memory's growth.
      if inputIsOpen && pending.count < 65_536 { watched.append((input, .readable)) }
      let ready = try pollAtRest(watched)
      if !ready[1].isEmpty {
        while let report = try signals.next() {
          if report.signal != Signal.windowChange { return .interrupted(signal: report.signal) }
        }
        passSize()
      }
      if ready[0].contains(.writable) { try feed() }
      if !ready[0].subtracting(.writable).isEmpty, try !copyOutput() { return .closed }
      if ready.count > 2, !ready[2].isEmpty {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = try input.read(into: &buffer)
        if count == 0 { inputIsOpen = false }
        let typed = keys?.feed(buffer[..<count]) ?? (bytes: Array(buffer[..<count]), isDetached: false)
        pending += typed.bytes
        try feed()
        if typed.isDetached { return .detached }
      }
    }
  }

  private func passSize() {
    // Input that is no terminal has no size: the pseudo terminal keeps its own.
    if let size = try? windowSize(of: input) { try? setWindowSize(of: master, to: size) }
  }

  private mutating func feed() throws(Fault) {
    while !pending.isEmpty {
      do throws(Fault) { pending.removeFirst(try master.writeSome(pending[...])) } catch {
        if error.errno == .again { return }
        throw error
      }
    }
  }

  /// False at the end.
  private mutating func copyOutput() throws(Fault) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 16_384)
    do throws(Fault) {
      let count = try master.read(into: &buffer)
      if count == 0 { return false }
      try output.write(buffer[..<count])
      return true
    } catch {
      switch error.errno {
      case .again: return true
      // A pseudo terminal tells so that nobody has its other end open any more.
      case .inputOutput: return false
      default: throw error
      }
    }
  }
}
