package import Kernel
package import Terminals

/// How an attachment ended.
package enum AttachEnd: Hashable, Sendable {
  case exited(code: Int32, message: String)
  /// The container could not be started.
  case failed(code: Int32, message: String, hint: String)
  /// The detach keys were typed; the container goes on.
  case detached
  /// A signal ended the attachment, not the container: its terminal is gone, or signals are not passed on.
  case interrupted(signal: Int32)
  /// Nobody takes what the container says any more; the container goes on.
  case unwritable(Errno)
  /// The supervisor is gone without a word: it was killed.
  case lost
}

/// The user's side of an attachment.
package struct AttachOptions: Sendable {
  package var sendsInput: Bool
  package var hasTerminal: Bool
  /// Signals that this process gets go to the container (docker's --sig-proxy).
  package var forwardsSignals: Bool
  /// What of the container's output is shown (docker's --attach).
  package var showsOutput = true
  package var showsErrors = true
  package init(sendsInput: Bool, hasTerminal: Bool, forwardsSignals: Bool) {
    self.sendsInput = sendsInput
    self.hasTerminal = hasTerminal
    self.forwardsSignals = forwardsSignals
  }
}

/// Copies between the user's streams and a supervisor until either side ends it. It waits in one place only, so that a
/// reader that stalls holds up neither the typing nor a signal, and input that is not read no output.
package struct AttachClient: ~Copyable {
  private let socket: Descriptor
  private let options: AttachOptions
  private let signals: SignalDescriptor
  private var keys: DetachKeys
  private var inputIsOpen: Bool
  private var received: [UInt8] = []
  /// For the supervisor: what its socket has not taken yet.
  private var unsent: [UInt8] = []
  /// For the user: what the streams have not taken yet, in its order.
  private var unwritten: [(stream: BorrowedDescriptor, bytes: ArraySlice<UInt8>)] = []
  /// The supervisor's last word, returned once all before it is written.
  private var end: AttachEnd?
  private var interrupts = 0
  /// Done once, when the program runs.
  private var whenStarted: () -> Void = {}
  /// Told each size that the terminal gets.
  private let whenResized: (_ rows: UInt16, _ columns: UInt16) -> Void
  /// Lines of `--timings` that came along.
  package private(set) var timings: [String] = []

  /// Signals of which one at least ends a command that does not catch it, and leaves its terminal as it is.
  private static let ending = SignalSet(Signal.hangUp, Signal.interrupt, Signal.quit, Signal.terminate)
  private static let passedOn = SignalSet(Signal.user1, Signal.user2, Signal.continue)

  /// From here on signals no longer end this process: a terminal is put into raw mode after this.
  ///
  /// - Parameter keys: the keys that detach, as docker's --detach-keys.
  package init(
    _ socket: consuming Descriptor, _ options: AttachOptions, keys: DetachKeys,
    whenResized: @escaping (_ rows: UInt16, _ columns: UInt16) -> Void = { _, _ in }
  ) throws(Fault) {
    var watched = AttachClient.ending.union(SignalSet(Signal.windowChange))
    if options.forwardsSignals { watched.formUnion(AttachClient.passedOn) }
    try setSignalMask(.block, watched)
    try ignoreSignal(Signal.pipe)
    signals = try SignalDescriptor(watched)
    self.socket = socket
    self.options = options
    inputIsOpen = options.sendsInput
    self.keys = keys
    self.whenResized = whenResized
  }

  /// - Parameter whenStarted: what can wait until the program runs.
  package mutating func run(whenStarted: @escaping () -> Void = {}) -> AttachEnd {
    self.whenStarted = whenStarted
    if options.hasTerminal { sendWindowSize() }
    while true {
      if unwritten.isEmpty, let end { return end }
      var watched: [(BorrowedDescriptor, PollEvents)] = [(signals.borrowed, .readable)]
      func watch(_ descriptor: BorrowedDescriptor, _ events: PollEvents) -> Int? {
        // What nothing is asked of would still be reported when its other end has hung up, again and again.
        if events.isEmpty { return nil }
        watched.append((descriptor, events))
        return watched.count - 1
      }
      let output = unwritten.first.flatMap { watch($0.stream, .writable) }
      // Each side is read only while the other takes what came from it.
      let supervisor = watch(
        socket.borrowed,
        PollEvents(unwritten.isEmpty ? [.readable] : []).union(unsent.isEmpty ? [] : [.writable]))
      let input = inputIsOpen && unsent.isEmpty ? watch(.standardInput, .readable) : nil
      guard let ready = try? poll(watched) else { return .lost }
      func isReady(_ index: Int?) -> Bool { index.map { !ready[$0].isEmpty } ?? false }

      if isReady(0), let end = takeSignals() { return end }
      if isReady(output), let errno = writeOutput() { return .unwritable(errno) }
      if isReady(supervisor) {
        if !unsent.isEmpty { sendRest() }
        if unwritten.isEmpty { takeFrames() }
      }
      if isReady(input), copyInput() { return .detached }
    }
  }

  // MARK: - From the supervisor

  private mutating func takeFrames() {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count: Int
    do throws(Fault) { count = try socket.borrowed.receive(into: &buffer, .doNotWait) } catch {
      if error.errno != .again { end = .lost }
      return
    }
    received.append(contentsOf: buffer[..<count])
    guard count > 0, let frames = Frame.take(from: &received) else {
      end = .lost
      return
    }
    for frame in frames {
      switch frame {
      case .output(let bytes): if options.showsOutput { unwritten.append((.standardOutput, bytes[...])) }
      case .errors(let bytes): if options.showsErrors { unwritten.append((.standardError, bytes[...])) }
      case .exited(let code, let message): end = .exited(code: code, message: message)
      case .failed(let code, let message, let hint): end = .failed(code: code, message: message, hint: hint)
      case .timing(let line): timings.append(line)
      case .started: whenStarted()
      case .subscribe, .input, .inputEnd, .resize, .signal: break
      }
    }
  }

  /// As much as a pipe that is ready takes without making us wait (PIPE_BUF, pipe(7)). Why not, when nobody reads it.
  private mutating func writeOutput() -> Errno? {
    guard let (stream, bytes) = unwritten.first else { return nil }
    do throws(Fault) {
      let written = try stream.writeSome(bytes.prefix(4096))
      if written == bytes.count { unwritten.removeFirst() } else { unwritten[0].bytes = bytes.dropFirst(written) }
    } catch {
      if error.errno == .again { return nil }
      // Messages that nobody wants to read stop nothing.
      if stream.rawValue == BorrowedDescriptor.standardOutput.rawValue { return error.errno }
      unwritten.removeFirst()
    }
    return nil
  }

  // MARK: - To the supervisor

  private mutating func send(_ frame: Frame) {
    unsent.append(contentsOf: frame.bytes)
    sendRest()
  }

  private mutating func sendRest() {
    do throws(Fault) {
      while !unsent.isEmpty { unsent.removeFirst(try socket.borrowed.send(unsent, .doNotWait)) }
    } catch {
      if error.errno == .again { return }
      // It has hung up: what it said before that is still to be read.
      unsent = []
      inputIsOpen = false
    }
  }

  private mutating func takeSignals() -> AttachEnd? {
    while let report = try? signals.next() {
      if report.signal == Signal.windowChange {
        sendWindowSize()
        continue
      }
      let isEnding = AttachClient.ending.contains(signal: report.signal)
      // A terminal that hangs up takes the attachment with it; its container can be attached to from another one.
      if isEnding && (!options.forwardsSignals || options.hasTerminal && report.signal == Signal.hangUp) {
        return .interrupted(signal: report.signal)
      }
      send(.signal(report.signal))
      // A first process without a handler never gets it (pid_namespaces(7)): whoever asks again and again may leave.
      if isEnding { interrupts += 1 }
      if interrupts == 3 { return .interrupted(signal: report.signal) }
    }
    return nil
  }

  private mutating func sendWindowSize() {
    guard options.hasTerminal, let size = try? windowSize(of: .standardInput) else { return }
    send(.resize(rows: size.rows, columns: size.columns))
    whenResized(size.rows, size.columns)
  }

  /// True when the detach keys were typed.
  private mutating func copyInput() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 16_384)
    guard let count = try? BorrowedDescriptor.standardInput.read(into: &buffer), count > 0 else {
      inputIsOpen = false
      send(.inputEnd)
      return false
    }
    guard options.hasTerminal else {
      send(.input(Array(buffer[..<count])))
      return false
    }
    let typed = keys.feed(buffer[..<count])
    if !typed.bytes.isEmpty { send(.input(typed.bytes)) }
    return typed.isDetached
  }
}
