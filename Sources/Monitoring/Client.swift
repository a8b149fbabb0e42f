internal import Kernel

/// A connection to the supervisor. Its number is owned by the table of clients and closed when it leaves that.
struct Client {
  let number: Int32
  /// Bytes that came and are not a whole frame yet.
  var received: [UInt8] = []
  /// Bytes that the socket would not take yet.
  var pending: [UInt8] = []
  var wantsOutput: Bool
  var isGone = false

  var descriptor: BorrowedDescriptor { BorrowedDescriptor(rawValue: number) }

  init(taking descriptor: consuming Descriptor, wantsOutput: Bool) {
    number = descriptor.release()
    self.wantsOutput = wantsOutput
  }

  /// Queues and sends what the socket takes now. A client that has hung up is marked, not thrown.
  mutating func send(_ frame: Frame) {
    if isGone { return }
    if pending.isEmpty {
      let bytes = frame.bytes
      let sent = trySend(bytes[...])
      if sent < bytes.count { pending = Array(bytes[sent...]) }
    } else {
      pending.append(contentsOf: frame.bytes)
    }
  }

  mutating func flush() {
    if isGone || pending.isEmpty { return }
    let sent = trySend(pending[...])
    pending.removeFirst(sent)
    if pending.isEmpty { pending = [] }
  }

  private mutating func trySend(_ bytes: ArraySlice<UInt8>) -> Int {
    var rest = bytes
    while !rest.isEmpty {
      do throws(Fault) {
        rest = rest.dropFirst(try descriptor.send(Array(rest.prefix(65_536)), .doNotWait))
      } catch {
        if error.errno != .again { isGone = true }
        break
      }
    }
    return bytes.count - rest.count
  }

  /// What came in, as frames; nil when the client is to be dropped.
  mutating func receive() -> [Frame]? {
    var buffer = [UInt8](repeating: 0, count: 16_384)
    do throws(Fault) {
      let count = try descriptor.receive(into: &buffer, .doNotWait)
      if count == 0 { return nil }
      received.append(contentsOf: buffer[..<count])
    } catch {
      return error.errno == .again ? [] : nil
    }
    return Frame.take(from: &received)
  }

  func close() { _ = Descriptor(owning: number) }
}
