internal import Kernel

/// One direction of a connection: a pipe in the middle, so that what the receiver has no room for waits in the kernel, 64 KiB at most,
/// and the sender is held up behind that.
struct RelayFlow {
  private let reading: Int32
  private let writing: Int32
  private var held = 0
  private var hasEnded = false
  /// All that was sent has arrived, its end too.
  private(set) var isDone = false

  private static let portion = 65_536
  /// How often in a row, so that one that never stops does not keep the others waiting.
  private static let rounds = 16

  init() throws(Fault) {
    let pipe = try makePipe()
    reading = pipe.reading.release()
    writing = pipe.writing.release()
  }

  /// - Returns: whether there may be more at once.
  mutating func move(from source: Int32, to target: Int32) throws(Fault) -> Bool {
    let (source, target) = (BorrowedDescriptor(rawValue: source), BorrowedDescriptor(rawValue: target))
    let (reading, writing) = (BorrowedDescriptor(rawValue: reading), BorrowedDescriptor(rawValue: writing))
    for _ in 0..<Self.rounds {
      if isDone { return false }
      if held == 0, !hasEnded {
        guard let count = try splice(from: source, to: writing, atMost: Self.portion) else { return false }
        held = count
        hasEnded = count == 0
      }
      if held > 0 {
        guard let count = try splice(from: reading, to: target, atMost: held) else { return false }
        held -= count
      }
      if hasEnded, held == 0 {
        try target.shutDown(reading: false, writing: true)
        isDone = true
      }
    }
    return !isDone
  }

  func close() { for number in [reading, writing] { _ = Descriptor(owning: number) } }
}

/// A caller's connection and the one to the container that goes with it.
struct RelayStream {
  let client: Int32
  let upstream: Int32
  private var up: RelayFlow
  private var down: RelayFlow

  /// Takes both over.
  init(client: consuming Descriptor, upstream: consuming Descriptor) throws(Fault) {
    up = try RelayFlow()
    do throws(Fault) { down = try RelayFlow() } catch {
      up.close()
      throw error
    }
    self.client = client.release()
    self.upstream = upstream.release()
  }

  /// Whatever can go, in both directions. Nobody waits for a connection to the container to come about: until then it takes nothing,
  /// and where there is none, that is the fault.
  ///
  /// - Returns: whether there may be more at once.
  mutating func move() throws(Fault) -> Bool {
    let isMore = try up.move(from: client, to: upstream)
    return try down.move(from: upstream, to: client) || isMore
  }

  var isDone: Bool { up.isDone && down.isDone }

  /// - Parameter isReset: both ends are to know that this was no proper end.
  func close(isReset: Bool) {
    up.close()
    down.close()
    for number in [client, upstream] {
      let socket = Descriptor(owning: number)
      try? socket.borrowed.resetOnClose(isReset)
    }
  }
}
