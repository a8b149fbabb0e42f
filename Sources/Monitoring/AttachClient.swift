package import Kernel
package import Terminals

/// How an attachment ended.
package enum AttachEnd: Hashable, Sendable {
  case exited(code: Int32, message: String)
  /// The container could not be started.
  case failed(code: Int32, message: String, hint: String)
  /// The detach keys were typed; the container goes on.
  case detached
  /// The supervisor is gone without a word: it was killed.
  case lost
}

/// The user's side of an attachment.
package struct AttachOptions: Sendable {
  package var sendsInput: Bool
  package var hasTerminal: Bool
  /// Signals that this process gets go to the container (docker's --sig-proxy).
  package var forwardsSignals: Bool
  package init(sendsInput: Bool, hasTerminal: Bool, forwardsSignals: Bool) {
    self.sendsInput = sendsInput
    self.hasTerminal = hasTerminal
    self.forwardsSignals = forwardsSignals
  }
}

/// Copies between the user's streams and a supervisor until either side ends it.
package struct AttachClient: ~Copyable {
  private let socket: Descriptor
  private let options: AttachOptions
  private let signals: SignalDescriptor
  private var received: [UInt8] = []
  private var keys = DetachKeys()
  private var inputIsOpen: Bool
  /// Done once, when the program runs.
  private var whenStarted: () -> Void = {}
  /// Lines of `--timings` that came along.
  package private(set) var timings: [String] = []

  /// - Parameter keys: the keys that detach, as docker's --detach-keys; nil is ctrl-p, ctrl-q.
  package init(_ socket: consuming Descriptor, _ options: AttachOptions, keys: DetachKeys? = nil) throws(Fault) {
    var watched = SignalSet(Signal.windowChange)
    if options.forwardsSignals {
      watched.formUnion(
        SignalSet(
          Signal.hangUp, Signal.interrupt, Signal.quit, Signal.user1, Signal.user2, Signal.terminate, Signal.continue))
    }
    try setSignalMask(.block, watched)
    try ignoreSignal(Signal.pipe)
    signals = try SignalDescriptor(watched)
    self.socket = socket
    self.options = options
    inputIsOpen = options.sendsInput
    if let keys { self.keys = keys }
  }

  /// - Parameter whenStarted: what can wait until the program runs.
  package mutating func run(whenStarted: @escaping () -> Void = {}) -> AttachEnd {
    self.whenStarted = whenStarted
    if options.hasTerminal { sendWindowSize() }
    while true {
      var watched: [(BorrowedDescriptor, PollEvents)] = [(socket.borrowed, .readable), (signals.borrowed, .readable)]
      if inputIsOpen { watched.append((.standardInput, .readable)) }
      guard let ready = try? poll(watched) else { return .lost }
      if !ready[0].isEmpty, let end = takeFrames() { return end }
      if !ready[1].isEmpty { forwardSignals() }
      if ready.count > 2, !ready[2].isEmpty, copyInput() { return .detached }
    }
  }

  private mutating func takeFrames() -> AttachEnd? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    guard let count = try? socket.borrowed.receive(into: &buffer), count > 0 else { return .lost }
    received.append(contentsOf: buffer[..<count])
    guard let frames = Frame.take(from: &received) else { return .lost }
    for frame in frames {
      switch frame {
      case .output(let bytes): try? BorrowedDescriptor.standardOutput.write(bytes)
      case .errors(let bytes): try? BorrowedDescriptor.standardError.write(bytes)
      case .exited(let code, let message): return .exited(code: code, message: message)
      case .failed(let code, let message, let hint): return .failed(code: code, message: message, hint: hint)
      case .timing(let line): timings.append(line)
      case .started: whenStarted()
      case .subscribe, .input, .inputEnd, .resize, .signal: break
      }
    }
    return nil
  }

  private func send(_ frame: Frame) {
    var rest = frame.bytes[...]
    while !rest.isEmpty, let sent = try? socket.borrowed.send(Array(rest)) { rest = rest.dropFirst(sent) }
  }

  private mutating func forwardSignals() {
    while let report = try? signals.next() {
      if report.signal == Signal.windowChange { sendWindowSize() } else { send(.signal(report.signal)) }
    }
  }

  private func sendWindowSize() {
    guard options.hasTerminal, let size = try? windowSize(of: .standardInput) else { return }
    send(.resize(rows: size.rows, columns: size.columns))
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
