internal import Inside
internal import Kernel
internal import Planning

// What the child says, over the socket that it was born with.

extension Launcher {
  /// Reads what the child says until its program runs (end of file), until it waits to be started, or until it says `last`.
  /// A fault that it reports is thrown.
  mutating func listen(to channel: BorrowedDescriptor, until last: ChildMessage? = nil) throws(PlanFailure) {
    var isStarting = false
    var buffer = [UInt8](repeating: 0, count: ChildMessage.limit)
    while true {
      var received = try at(.finishing, 0) { () throws(Fault) in try receiveFromChild(channel, into: &buffer) }
      guard received.count > 0 else { break }
      let message = ChildMessage(bytes: buffer[..<received.count])
      if message != nil, message == last { return }
      switch message {
      case .terminal: terminal = received.descriptors.take()
      case .waiting where plan.waitsForStart: return
      case .starting: isStarting = true
      case .listener:
        let listener = received.descriptors.take()
        let view = listener.view
        try at(.finishing, 0) { () throws(Fault) in try hand(over: view, to: plan.listener, of: process, channel) }
      case .process, .built, .waiting: break
      case .timing(let phase, let index, let nanoseconds):
        timings.append(StepTiming(phase: phase, index: index, nanoseconds: nanoseconds))
      case .failed(let phase, let index, let fault):
        throw planFailure(phase, index, fault)
      case nil:
        throw PlanFailure(
          phase: .finishing, index: 0, step: nil, fault: Fault("receive", .badMessage, arguments: "from the container"))
      }
    }
    // The end of the socket is the exec; before the last message it is the child's death without a word.
    guard isStarting else { throw PlanFailure(phase: .finishing, index: 0, step: nil, fault: .endedWithoutAWord) }
  }

  /// The failure that the child has reported already, without waiting for one.
  func lastWords(on channel: BorrowedDescriptor) -> PlanFailure? {
    var buffer = [UInt8](repeating: 0, count: ChildMessage.limit)
    while let message = try? receiveFromChild(channel, into: &buffer, .doNotWait), message.count > 0 {
      if case .failed(let phase, let index, let fault) = ChildMessage(bytes: buffer[..<message.count]) {
        return planFailure(phase, index, fault)
      }
    }
    return nil
  }

  /// The first child only passed through: what it cloned is the container's first process, and this one's child too.
  mutating func awaitSibling(on channel: BorrowedDescriptor) throws(PlanFailure) -> ProcessIdentifier {
    var buffer = [UInt8](repeating: 0, count: ChildMessage.limit)
    while true {
      var message = try at(.joining, 0) { () throws(Fault) in try receiveFromChild(channel, into: &buffer) }
      switch ChildMessage(bytes: buffer[..<message.count]) {
      case .process(let process):
        guard let pidfd = message.descriptors.take() else { break }
        if let passed = child.take() { _ = try? wait(for: .pidfd(passed.borrowed)) }
        child = consume pidfd
        return process
      case .timing(let phase, let index, let nanoseconds):
        timings.append(StepTiming(phase: phase, index: index, nanoseconds: nanoseconds))
        continue
      case .failed(let phase, let index, let fault): throw planFailure(phase, index, fault)
      default: break
      }
      throw PlanFailure(
        phase: .joining, index: 0, step: nil,
        fault: Fault("clone3", .noSuchProcess, arguments: "the process that enters the namespaces"))
    }
  }
}

extension Fault {
  static let endedWithoutAWord = Fault(
    "clone3", .noSuchProcess, arguments: "the container's first process",
    hint: "it was killed before its program started; the kernel log (dmesg) may say why")
}

/// The child's next message. A child that ends without having read its "go" leaves ECONNRESET, once, before what it had
/// sent: its last words are still to be read.
func receiveFromChild(
  _ channel: BorrowedDescriptor, into buffer: inout [UInt8], _ flags: MessageFlags = []
) throws(Fault) -> ReceivedMessage {
  do throws(Fault) { return try channel.receiveMessage(into: &buffer, descriptorLimit: 1, flags) } catch {
    if error.errno != .connectionReset { throw error }
    return try channel.receiveMessage(into: &buffer, descriptorLimit: 1, flags)
  }
}
