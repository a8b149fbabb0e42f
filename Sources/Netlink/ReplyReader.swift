internal import Kernel

/// What the kernel answers to one question, message by message as datagrams come in. It knows no socket: what belongs to another
/// question, an answer to one that was given up among it, is passed over by its number.
struct ReplyReader {
  enum Question: Sendable {
    /// One request: its objects, and then an acknowledgement.
    case request
    /// Several messages as one: the first refusal of any of them, or an acknowledgement of the last.
    case transaction(first: UInt32)
    /// A list, in as many datagrams as it takes, with an end of its own.
    case dump
  }
  private let question: Question
  /// Of the request, or of a transaction's last message.
  private let sequence: UInt32
  private(set) var objects: [Message] = []
  /// The list changed while it was read: what came is not one moment's state.
  private(set) var isInterrupted = false

  init(_ question: Question, _ sequence: UInt32) {
    self.question = question
    self.sequence = sequence
  }

  /// Those that have come since it was last asked.
  mutating func removeObjects() -> [Message] {
    defer { objects.removeAll() }
    return objects
  }

  /// - Returns: whether that was the end of the answer. What follows it is not looked at.
  mutating func take(_ messages: [Message]) throws(Fault) -> Bool {
    for message in messages { if try take(message) { return true } }
    return false
  }

  private mutating func take(_ message: Message) throws(Fault) -> Bool {
    if message.type == Message.overrun { throw Fault("netlink", .noBufferSpace) }
    switch question {
    case .request:
      guard message.sequence == sequence else { return false }
      switch message.type {
      case Message.error:
        if let fault = acknowledgement(message) { throw fault }
        return true
      case Message.firstOfFamily...: objects.append(message)
      default: break
      }
      return false
    case .transaction(let first):
      guard message.type == Message.error, message.sequence &- first <= sequence &- first else { return false }
      if let fault = acknowledgement(message) { throw fault }
      return message.sequence == sequence
    case .dump:
      guard message.sequence == sequence else { return false }
      if message.flags & Message.dumpInterrupted != 0 { isInterrupted = true }
      switch message.type {
      case Message.done:
        if let code = message.payload.word(at: 0), code != 0 { throw fault(code: code) }
        return true
      case Message.error:
        if let fault = acknowledgement(message) { throw fault }
      case Message.firstOfFamily...: objects.append(message)
      default: break
      }
      return false
    }
  }
}

/// Reads a list until nobody has changed it meanwhile.
///
/// - Parameters:
///   - attempts: how often it is begun anew.
///   - once: nil when the list changed.
func readAgain(_ attempts: Int, _ once: () throws(Fault) -> [Message]?) throws(Fault) -> [Message] {
  var attempt = 0
  while true {
    attempt += 1
    do throws(Fault) {
      if let messages = try once() { return messages }
      if attempt >= attempts {
        throw Fault(
          "netlink", .interrupted, hint: "the list changed while it was read, \(attempts) times in a row: try again")
      }
    } catch {
      // EBUSY: the dump before has not ended; ENOBUFS: datagrams were lost. Both are over by the next attempt.
      let passes = error.errno == .busy || error.errno == .noBufferSpace
      if !passes || attempt >= attempts { throw error }
    }
  }
}
