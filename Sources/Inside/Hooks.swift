package import Kernel
package import Steps

/// Calls a hook and waits for its end. What it prints is kept for the message of its failure.
///
/// - Parameter process: the container's first process, as the hook's pid namespace numbers it.
/// - Throws: when it cannot be called, ends with anything but 0, or takes longer than it may; it is dead then.
package func call(_ hook: HookCall, process: ProcessIdentifier) throws(Fault) {
  let input = try makePipe()
  let output = try makePipe()
  let result = try clone(namespaces: [])
  switch consume result {
  case .child:
    // Given up rather than borrowed: the program that is executed, or the end of this process, closes them.
    let (reading, writing) = (input.reading.release(), output.writing.release())
    try? input.writing.close()
    try? output.reading.close()
    become(hook, input: BorrowedDescriptor(rawValue: reading), output: BorrowedDescriptor(rawValue: writing))
  case .parent(let leader, let pidfd):
    try? input.reading.close()
    try? output.writing.close()
    var running = RunningHook(hook: hook, leader: leader, pidfd: pidfd, output: output.reading)
    running.feed(hook.input(process: process), into: input.writing)
    try running.finish()
  }
}

/// In the child: the hook's own session, so that all of it can be killed, and nothing open but its three streams.
private func become(_ hook: HookCall, input: BorrowedDescriptor, output: BorrowedDescriptor) -> Never {
  resetSignalDispositions()
  do throws(Fault) {
    // Whoever is killed while a hook hangs takes it along.
    try setParentDeathSignal(Signal.kill)
    try setSignalMask(.set, [])
    try startSession()
    try input.duplicate(asInherited: 0)
    try output.duplicate(asInherited: 1)
    try output.duplicate(asInherited: 2)
    try closeDescriptors(from: 3, onExecute: true)
    throw execute(hook.path, arguments: hook.arguments, environment: hook.environment)
  } catch {
    try? BorrowedDescriptor.standardError.write("\(error)\n")
    exitNow(127)
  }
}

private struct RunningHook: ~Copyable {
  let hook: HookCall
  /// The hook's process, which leads a session and a process group of its own.
  let leader: ProcessIdentifier
  let pidfd: Descriptor
  let output: Descriptor
  private var printed: [UInt8] = []

  /// Of what a hook prints, this much is kept.
  private static let limit = 8192

  init(
    hook: HookCall, leader: ProcessIdentifier, pidfd: consuming Descriptor, output: consuming Descriptor
  ) {
    self.hook = hook
    self.leader = leader
    self.pidfd = pidfd
    self.output = output
  }

  /// A pipe takes 64 KiB at once; a larger state is cut short for a hook that does not read, whose affair that is.
  func feed(_ bytes: [UInt8], into pipe: consuming Descriptor) {
    try? pipe.borrowed.setNonblocking(true)
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let ready = try? poll([(pipe.borrowed, .writable), (pidfd.borrowed, .readable)], milliseconds: feedTime),
        !ready[0].isEmpty, let count = try? pipe.borrowed.writeSome(rest), count > 0
      else { return }
      rest = rest.dropFirst(count)
    }
  }

  private var feedTime: Int { (allowed ?? 10) * 1000 }

  /// Its seconds. What a configuration says may be more than a clock of nanoseconds counts; a year is as good as that.
  private var allowed: Int? { hook.timeout.map { min(max($0, 0), 31_536_000) } }

  mutating func finish() throws(Fault) {
    let end = allowed.map { monotonicNanoseconds() + UInt64($0) * 1_000_000_000 }
    try output.borrowed.setNonblocking(true)
    while true {
      let left = end.map { Int(($0 > monotonicNanoseconds() ? $0 - monotonicNanoseconds() : 0) / 1_000_000) }
      let ready = try poll([(pidfd.borrowed, .readable), (output.borrowed, .readable)], milliseconds: left)
      if !ready[1].isEmpty, !drain(), ready[0].isEmpty { try waitForEnd(until: end) }
      if !ready[0].isEmpty { break }
      if ready.allSatisfy(\.isEmpty) { try abandon() }
    }
    _ = drain()
    guard let ended = try wait(for: .pidfd(pidfd.borrowed)), ended.status != .exited(0) else { return }
    throw failure(ended.status.words)
  }

  /// The hook has closed its output and goes on: there is nothing to watch but its end.
  private func waitForEnd(until end: UInt64?) throws(Fault) {
    let left = end.map { Int(($0 > monotonicNanoseconds() ? $0 - monotonicNanoseconds() : 0) / 1_000_000) }
    if try poll(pidfd.borrowed, .readable, milliseconds: left).isEmpty { try abandon() }
  }

  private func abandon() throws(Fault) {
    // With all that it has started: the number is its own until it is reaped.
    try? sendSignal(Signal.kill, toProcess: -leader)
    try? sendSignal(Signal.kill, to: pidfd.borrowed)
    _ = try? wait(for: .pidfd(pidfd.borrowed))
    throw failure("did not end within its \(hook.timeout ?? 0) s and was killed")
  }

  /// Takes what has been printed; false at the end of it.
  private mutating func drain() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      guard let count = try? output.borrowed.read(into: &buffer) else { return true }
      if count == 0 { return false }
      printed += buffer[..<count].prefix(Self.limit - printed.count)
    }
  }

  private func failure(_ reason: String) -> Fault {
    let text = String(decoding: printed, as: UTF8.self)
    let end = text.last == "\n" ? String(text.dropLast()) : text
    return Fault(
      "hook", .canceled, arguments: "the \(hook.point.rawValue) hook \(hook.path.quoted) \(reason)",
      hint: end.isEmpty ? nil : "it printed: \(end)")
  }
}

extension ExitStatus {
  fileprivate var words: String {
    switch self {
    case .exited(let code): "ended with \(code)"
    case .killed(let signal, _): "was killed by signal \(signal)"
    }
  }
}
