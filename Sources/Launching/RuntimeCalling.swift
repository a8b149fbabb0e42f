internal import Inside
internal import JSON
package import Kernel
internal import Mounts
internal import Planning
internal import Steps

// Calls of another OCI runtime. Its streams are those that its container is to have, where it makes one, so what it has to say
// of itself is read from its log.

/// What a call has beside its words.
struct RuntimeCallScene {
  /// The runtime's streams; nil for a call that makes no process: then what it prints is kept for the message of its failure.
  var streams: StandardStreams?
  /// What somebody else reads of those streams, for a runtime that writes no log.
  var said: BorrowedDescriptor?
  /// Steps in a mount namespace of the runtime's own, before it is executed.
  var mounts: [Step] = []
  /// When the other end of this socket is closed nobody wants the container any more.
  var interest: BorrowedDescriptor?
  /// In place of a path that is too long for a socket's address.
  var replacement: (path: Path, by: Path)?
}

/// Nothing that a runtime does takes longer; one that hangs would keep the container's lock for ever.
private let patience: UInt64 = 120_000_000_000

/// A call that makes no process. What is to be taken away and is not there is fine.
func perform(_ call: RuntimeCall) throws(Fault) {
  do throws(RuntimeFailure) { try call.run(in: RuntimeCallScene()) } catch {
    if call.command == "delete", call.reverse == nil, error.saysMissing { return }
    throw error.fault
  }
}

/// Why a call failed: the step before it by its number, or the call itself.
struct RuntimeFailure: Error {
  var step: Int?
  var fault: Fault

  var saysMissing: Bool {
    fault.arguments.contains("not exist") || fault.arguments.contains("o such file")
      || fault.arguments.contains("not found")
  }
}

extension RuntimeCall {
  /// Runs it to its end.
  func run(in scene: RuntimeCallScene) throws(RuntimeFailure) {
    try? removeFile(log)
    try failing { () throws(Fault) in try checkRuntime(program) }
    let output = try failing { () throws(Fault) in try makePipe() }
    let pair = try failing { () throws(Fault) in try makeSocketPair(.sequencedPacket) }
    let result = try failing { () throws(Fault) in try clone(namespaces: scene.mounts.isEmpty ? [] : .mount) }
    switch consume result {
    case .child:
      let channel = BorrowedDescriptor(rawValue: pair.second.release())
      let writing = BorrowedDescriptor(rawValue: output.writing.release())
      // The parent's end must not live on in the child, or its death would never be seen.
      try? Descriptor(owning: pair.first.release()).close()
      become(self, scene, output: writing, channel)
    case .parent(let process, let pidfd):
      try? Descriptor(owning: pair.second.release()).close()
      try? Descriptor(owning: output.writing.release()).close()
      let channel = pair.first.release()
      let reading = output.reading.release()
      defer { for number in [channel, reading] { try? Descriptor(owning: number).close() } }
      try hear(BorrowedDescriptor(rawValue: channel), pidfd.borrowed, steps: scene.mounts.count)
      let said = scene.said ?? BorrowedDescriptor(rawValue: reading)
      let status = try failing { () throws(Fault) in
        command == "delete"
          ? try awaitDelete(process, pidfd.borrowed) : try awaitEnd(pidfd.borrowed, interest: scene.interest)
      }
      if status != .exited(0) { throw RuntimeFailure(fault: failure(reason(status, output: said))) }
    }
  }

  private func failing<Value: ~Copyable>(_ body: () throws(Fault) -> Value) throws(RuntimeFailure) -> Value {
    do throws(Fault) { return try body() } catch { throw RuntimeFailure(fault: error) }
  }

  /// What went wrong before the call; the end of the socket is the exec.
  private func hear(
    _ channel: BorrowedDescriptor, _ pidfd: BorrowedDescriptor, steps: Int
  ) throws(RuntimeFailure) {
    var buffer = [UInt8](repeating: 0, count: ChildMessage.limit)
    guard let message = try? receiveFromChild(channel, into: &buffer), message.count > 0,
      case .failed(_, let index, let fault) = ChildMessage(bytes: buffer[..<message.count])
    else { return }
    _ = try? wait(for: .pidfd(pidfd))
    throw RuntimeFailure(step: index < steps ? index : nil, fault: fault)
  }

  /// Kills it when it takes too long, or when nobody waits for it any more.
  private func awaitEnd(_ pidfd: BorrowedDescriptor, interest: BorrowedDescriptor?) throws(Fault) -> ExitStatus {
    let end = monotonicNanoseconds() + patience
    var watched: [(BorrowedDescriptor, PollEvents)] = [(pidfd, .readable)]
    // Only its end is waited for: the kernel reports that unasked.
    if let interest { watched.append((interest, [])) }
    while true {
      let now = monotonicNanoseconds()
      let ready = try poll(watched, milliseconds: Int((max(end, now) - now) / 1_000_000))
      if !ready[0].isEmpty { return try status(of: pidfd) }
      let isUnwanted = ready.count > 1 && !ready[1].isDisjoint(with: [.hungUp, .failed])
      guard isUnwanted || monotonicNanoseconds() >= end else { continue }
      try? sendSignal(Signal.kill, to: pidfd)
      _ = try? wait(for: .pidfd(pidfd))
      throw failure(
        isUnwanted
          ? "was killed: who wanted the container is gone"
          : "did not end within \(patience / 1_000_000_000) s and was killed")
    }
  }

  private func status(of pidfd: BorrowedDescriptor) throws(Fault) -> ExitStatus {
    try wait(for: .pidfd(pidfd))?.status ?? .exited(125)
  }

  /// A runtime may have left more to this process than the container's first process: runsc its gofer. It takes such a one for
  /// alive, and waits in vain for its end, until it is reaped. Nobody else waits for any child of this process by now.
  private func awaitDelete(_ process: ProcessIdentifier, _ pidfd: BorrowedDescriptor) throws(Fault) -> ExitStatus {
    let end = monotonicNanoseconds() + patience
    while monotonicNanoseconds() < end {
      while let ended = try wait(for: .anyChild, block: false) {
        if ended.process == process { return ended.status }
      }
      _ = try poll(pidfd, .readable, milliseconds: 20)
    }
    try? sendSignal(Signal.kill, to: pidfd)
    return try status(of: pidfd)
  }

  private func reason(_ status: ExitStatus, output: BorrowedDescriptor) -> String {
    if let message = loggedMessage() { return message }
    try? output.setNonblocking(true)
    var buffer = [UInt8](repeating: 0, count: 8192)
    let count = (try? output.read(into: &buffer)) ?? 0
    let text = String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").joined(separator: "; ")
    switch status {
    case .exited(let code):
      return text.isEmpty ? "ended with \(code) and said nothing" : text
    case .killed(let signal, _):
      return "was killed by signal \(signal)" + (text.isEmpty ? "" : ": \(text)")
    }
  }

  /// The last that it wrote as an error; one line, a JSON object, for each message.
  private func loggedMessage() -> String? {
    guard let bytes = try? readRegularFile(log, limit: 1 << 20) else { return nil }
    let entries = bytes.split(separator: UInt8(ascii: "\n")).compactMap { try? RuntimeLogEntry(parsing: Array($0)) }
    let entry = entries.last { ["error", "fatal", "panic"].contains($0.level) } ?? entries.last
    return entry.flatMap { $0.message.isEmpty ? nil : $0.message }
  }

  private func failure(_ reason: String) -> Fault {
    Fault(operation: "\(program.name) \(command)", .canceled, arguments: reason)
  }
}

/// `{"level":"error","msg":"…","time":"…"}`
private struct RuntimeLogEntry: JSONReadable {
  var level = ""
  var message = ""

  init(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "level": level = try reader.string()
      case "msg": message = try reader.string()
      default: try reader.skip()
      }
    }
  }
}

/// A runtime does what it likes with the host. So its file is root's where root calls it, and nobody else may write there.
package func checkRuntime(_ program: Path) throws(Fault) {
  let status = try status(of: program)
  guard status.kind == .regular, !status.mode.isDisjoint(with: 0o111) else {
    throw Fault("execve", .accessDenied, arguments: program.quoted, hint: "it is no file that can be executed")
  }
  if effectiveUser() != 0 { return }
  guard status.owner == 0, status.mode.isDisjoint(with: 0o022) else {
    throw Fault(
      "execve", .accessDenied, arguments: program.quoted,
      hint: "somebody else may write to it: chown root \(program); chmod go-w \(program)")
  }
}

/// In the child: what is mounted first, then the runtime, with nothing open but its streams.
private func become(
  _ call: RuntimeCall, _ scene: RuntimeCallScene, output: BorrowedDescriptor, _ channel: BorrowedDescriptor
) -> Never {
  var index = 0
  do throws(Fault) {
    resetSignalDispositions()
    // Whoever is killed while it works takes it along: else it would go on making what has been cleared away by then.
    try setParentDeathSignal(Signal.kill)
    try setSignalMask(.set, [])
    var mounts = MountExecutor()
    for step in scene.mounts {
      if case .mount(let step) = step { try mounts.perform(step) }
      index += 1
    }
    try startSession()
    let null = BorrowedDescriptor(rawValue: try openOwnNull().release())
    let streams = scene.streams ?? StandardStreams(input: null, output: output, errors: output)
    // Out of the way of the numbers that it gets.
    let numbers = try [streams.input, streams.output, streams.errors].map { (stream) throws(Fault) in
      try (isNullDevice(stream) ? null : stream).duplicate(from: 16).release()
    }
    for (number, stream) in numbers.enumerated() {
      try BorrowedDescriptor(rawValue: stream).duplicate(asInherited: Int32(number))
    }
    try closeDescriptors(from: 3, onExecute: true)
    let words = call.arguments.map { $0 == scene.replacement?.path ? scene.replacement?.by ?? $0 : $0 }
    var fault = execute(call.program, arguments: words, environment: RuntimeCall.environment)
    fault.hint = fault.hint ?? "the file is there and cannot be executed: \(call.program)"
    throw fault
  } catch {
    _ = try? channel.sendMessage(ChildMessage.failed(phase: .joining, index: index, error).bytes)
    exitNow(127)
  }
}
