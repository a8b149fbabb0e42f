internal import DNS
internal import Kernel

/// Somebody who asks by TCP (RFC 7766): as many questions as they like, answered in the order in which the answers come.
struct Stream {
  private let socket: Int32
  private var incoming: [UInt8] = []
  private(set) var outgoing: [UInt8] = []
  /// Questions that are not answered yet.
  var open = 0
  /// They will ask no more.
  private(set) var isAtEnd = false
  private(set) var isBroken = false
  /// When it is closed if nothing is asked until then.
  private(set) var deadline: UInt64

  static let patience: UInt64 = 20_000_000_000
  /// Of answers that they do not take.
  private static let backlogLimit = 256 << 10
  private static let openLimit = 128

  init(_ socket: consuming Descriptor, now: UInt64) {
    self.socket = socket.release()
    deadline = now + Self.patience
  }

  var descriptor: BorrowedDescriptor { BorrowedDescriptor(rawValue: socket) }
  func close() { _ = Descriptor(owning: socket) }

  var isOver: Bool { isBroken || (isAtEnd && open == 0 && outgoing.isEmpty) }

  var interest: PollEvents {
    var events: PollEvents = isAtEnd || open >= Self.openLimit ? [] : .readable
    if !outgoing.isEmpty { events.insert(.writable) }
    return events
  }

  /// Questions that have come in wholly.
  mutating func questions(_ buffer: inout [UInt8], now: UInt64) -> [[UInt8]] {
    deadline = now + Self.patience
    do throws(Fault) {
      let count = try descriptor.receive(into: &buffer, .doNotWait)
      if count == 0 { isAtEnd = true }
      incoming += buffer[..<count]
    } catch {
      if error.errno != .again { isBroken = true }
    }
    var messages: [[UInt8]] = []
    while let message = takeFrame(from: &incoming) { messages.append(message) }
    // The rest is the beginning of one more question, and no question is that long.
    if incoming.count > Incoming.sizeLimit + 2 { isBroken = true }
    return messages
  }

  mutating func send(_ message: [UInt8]) {
    outgoing += framed(message)
    flush()
    if outgoing.count > Self.backlogLimit { isBroken = true }
  }

  mutating func flush() {
    guard !outgoing.isEmpty, !isBroken else { return }
    do throws(Fault) { outgoing.removeFirst(try descriptor.send(outgoing, .doNotWait)) } catch {
      if error.errno != .again { isBroken = true }
    }
  }
}
