internal import CKernel

/// What a descriptor is ready for (epoll_ctl(2); poll(2) gives the same bits the same meaning).
package struct PollEvents: FlagWord {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let readable = PollEvents(rawValue: 0x001)
  package static let urgent = PollEvents(rawValue: 0x002)
  package static let writable = PollEvents(rawValue: 0x004)
  /// Always reported, never asked for.
  package static let failed = PollEvents(rawValue: 0x008)
  /// The other end is gone: what was written before may still be read. Always reported.
  package static let hungUp = PollEvents(rawValue: 0x010)
  /// The peer of a socket will write no more.
  package static let peerClosed = PollEvents(rawValue: 0x2000)
  /// One report per change instead of one per call.
  package static let edgeTriggered = PollEvents(rawValue: 1 << 31)
}

/// One report of a `Poller`.
package struct PollReport: Hashable, Sendable {
  package var events: PollEvents
  /// What the descriptor was added with.
  package var token: UInt64
}

/// An epoll(7) instance: which of many descriptors are ready.
package struct Poller: ~Copyable {
  private let descriptor: Descriptor
  /// struct epoll_event is 12 packed bytes on x86-64 and 16 elsewhere.
  private var buffer: [UInt8]
  private static var eventSize: Int {
    #if arch(x86_64)
      12
    #else
      16
    #endif
  }

  /// - Parameter capacity: how many reports one `wait` gives at most.
  package init(capacity: Int = 32) throws(Fault) {
    let raw = try systemCall("epoll_create1", Int(SYS_epoll_create1), Int(O_CLOEXEC), arguments: "EPOLL_CLOEXEC")
    descriptor = Descriptor(owning: Int32(raw))
    buffer = [UInt8](repeating: 0, count: max(1, capacity) * Poller.eventSize)
  }

  /// So that one poller can be waited for by another.
  package var borrowed: BorrowedDescriptor { descriptor.borrowed }

  /// A file that cannot be polled, such as a regular one, is refused with EPERM: it is always ready.
  package func add(_ watched: BorrowedDescriptor, _ events: PollEvents, token: UInt64) throws(Fault) {
    try control(1, "EPOLL_CTL_ADD", watched, events, token)
  }

  package func modify(_ watched: BorrowedDescriptor, _ events: PollEvents, token: UInt64) throws(Fault) {
    try control(3, "EPOLL_CTL_MOD", watched, events, token)
  }

  /// Needed before the close of a descriptor whose open file has other holders: epoll watches the open file.
  package func remove(_ watched: BorrowedDescriptor) throws(Fault) {
    try control(2, "EPOLL_CTL_DEL", watched, [], 0)
  }

  private func control(
    _ operation: Int, _ name: String, _ watched: BorrowedDescriptor, _ events: PollEvents, _ token: UInt64
  ) throws(Fault) {
    // As words: events and, where the structure is packed, the token at once; else a word of padding between.
    #if arch(x86_64)
      var event: [UInt32] = [events.rawValue, UInt32(truncatingIfNeeded: token), UInt32(token >> 32)]
    #else
      var event: [UInt32] = [events.rawValue, 0, UInt32(truncatingIfNeeded: token), UInt32(token >> 32)]
    #endif
    _ = try event.withMutableAddress { (base) throws(Fault) in
      try systemCall(
        "epoll_ctl", Int(SYS_epoll_ctl), descriptor.borrowed.argument, operation, watched.argument, base,
        arguments: "\(descriptor.rawValue), \(name), \(watched.description)")
    }
  }

  /// Waits until something is ready, or for `milliseconds`; empty when the time is over. Nil waits for ever. A signal does
  /// not end the wait: take signals by a signal descriptor.
  package mutating func wait(milliseconds: Int32? = nil) throws(Fault) -> [PollReport] {
    let size = Poller.eventSize
    let capacity = buffer.count / size
    let deadline = milliseconds.map { monotonicNanoseconds() + UInt64(max(0, $0)) * 1_000_000 }
    var count = 0
    while true {
      let left = deadline.map { end -> Int in
        let now = monotonicNanoseconds()
        return end > now ? Int((end - now + 999_999) / 1_000_000) : 0
      }
      let result = buffer.withMutableAddress { base in
        ckernel_syscall(Int(SYS_epoll_pwait), descriptor.borrowed.argument, base, capacity, left ?? -1, 0, 8)
      }
      if result >= 0 {
        count = result
        break
      }
      let errno = Errno(rawValue: Int32(truncatingIfNeeded: -result))
      if errno != .interrupted { throw Fault("epoll_pwait", errno, arguments: "\(descriptor.rawValue)") }
    }
    return (0..<count).map { index in
      let start = index * size
      return PollReport(
        events: PollEvents(rawValue: UInt32(truncatingIfNeeded: number(at: start, bytes: 4))),
        token: number(at: start + size - 8, bytes: 8))
    }
  }

  private func number(at offset: Int, bytes: Int) -> UInt64 {
    (0..<bytes).reduce(0) { $0 | UInt64(buffer[offset + $1]) << UInt64(8 * $1) }
  }
}

/// Waits for one descriptor (ppoll(2)); empty when `milliseconds` are over. Nil waits for ever.
package func poll(
  _ descriptor: BorrowedDescriptor, _ events: PollEvents, milliseconds: Int? = nil
) throws(Fault) -> PollEvents {
  try poll([(descriptor, events)], milliseconds: milliseconds)[0]
}

/// Waits for a few descriptors at once (ppoll(2)): what each is ready for, all empty when the time is over.
package func poll(
  _ watched: [(BorrowedDescriptor, PollEvents)], milliseconds: Int? = nil
) throws(Fault) -> [PollEvents] {
  var requests = pollRequests(watched)
  // The kernel writes back what is left of the time, so that a retry after EINTR does not start over.
  var time = [(milliseconds ?? 0) / 1000, (milliseconds ?? 0) % 1000 * 1_000_000]
  let count = requests.count
  _ = try time.withMutableAddress { (time_) throws(Fault) in
    try requests.withMutableAddress { (requests_) throws(Fault) in
      try systemCall("ppoll", Int(SYS_ppoll), requests_, count, milliseconds == nil ? 0 : time_, 0, 8)
    }
  }
  return requests.map { PollEvents(rawValue: UInt32($0 >> 48)) }
}

/// Returns after that time (nanosleep(2)).
package func sleep(microseconds: Int) {
  var time = [microseconds / 1_000_000, microseconds % 1_000_000 * 1000]
  // Interrupted, it is tried again with what is left, which the kernel writes back.
  time.withMutableAddress { time_ in _ = try? systemCall("nanosleep", Int(SYS_nanosleep), time_, time_) }
}

/// `poll` without an end, for a process that may wait for months: once nothing has come for a while it gives back the
/// memory that it can have again (CKernel/Rest.c), and goes on waiting. One with more than one thread only waits.
package func pollAtRest(
  _ watched: [(BorrowedDescriptor, PollEvents)], after milliseconds: Int = 1000
) throws(Fault) -> [PollEvents] {
  let ready = try poll(watched, milliseconds: milliseconds)
  guard ready.allSatisfy({ $0.isEmpty }) else { return ready }
  var requests = pollRequests(watched)
  let count = requests.count
  let result = requests.withMutableAddress { ckernel_poll_at_rest($0, count) }
  // EINTR, or what `poll` has words for.
  if result < 0 { return try poll(watched) }
  return requests.map { PollEvents(rawValue: UInt32($0 >> 48)) }
}

/// struct pollfd: int fd, short events, short revents.
private func pollRequests(_ watched: [(BorrowedDescriptor, PollEvents)]) -> [UInt64] {
  watched.map { UInt64(UInt32(bitPattern: $0.0.rawValue)) | UInt64($0.1.rawValue & 0xffff) << 32 }
}

/// timerfd_create(2) on CLOCK_MONOTONIC: readable when the time has come.
package struct Timer: ~Copyable {
  private let descriptor: Descriptor

  package init() throws(Fault) {
    let raw = try systemCall(
      "timerfd_create", Int(SYS_timerfd_create), Int(CLOCK_MONOTONIC), Int(O_CLOEXEC | O_NONBLOCK),
      arguments: "CLOCK_MONOTONIC, TFD_CLOEXEC|TFD_NONBLOCK")
    descriptor = Descriptor(owning: Int32(raw))
  }

  package var borrowed: BorrowedDescriptor { descriptor.borrowed }

  /// - Parameters:
  ///   - nanoseconds: from now to the first time; 0 stops the timer.
  ///   - interval: from then on, again and again; 0 is only once.
  package func set(nanoseconds: UInt64, interval: UInt64 = 0) throws(Fault) {
    let billion: UInt64 = 1_000_000_000
    let specification = [interval / billion, interval % billion, nanoseconds / billion, nanoseconds % billion]
    _ = try specification.withAddress { (base) throws(Fault) in
      try systemCall(
        "timerfd_settime", Int(SYS_timerfd_settime), descriptor.borrowed.argument, 0, base, 0,
        arguments: "\(descriptor.rawValue), \(nanoseconds) ns, every \(interval) ns")
    }
  }

  /// How often the time has come since the last call; makes it unreadable again.
  package func take() throws(Fault) -> UInt64 { try takeCounter(descriptor.borrowed) }
}

/// eventfd(2): a counter that is readable while it is not zero.
package struct Event: ~Copyable {
  private let descriptor: Descriptor

  package init() throws(Fault) {
    let raw = try systemCall(
      "eventfd2", Int(SYS_eventfd2), 0, Int(O_CLOEXEC | O_NONBLOCK), arguments: "0, EFD_CLOEXEC|EFD_NONBLOCK")
    descriptor = Descriptor(owning: Int32(raw))
  }

  package var borrowed: BorrowedDescriptor { descriptor.borrowed }

  package func signal() throws(Fault) { try descriptor.borrowed.write([1, 0, 0, 0, 0, 0, 0, 0]) }

  /// The count since the last call, 0 when there was none.
  package func take() throws(Fault) -> UInt64 { try takeCounter(descriptor.borrowed) }
}

private func takeCounter(_ descriptor: BorrowedDescriptor) throws(Fault) -> UInt64 {
  var counter: [UInt64] = [0]
  do throws(Fault) {
    _ = try counter.withMutableAddress { (base) throws(Fault) in
      try systemCall("read", Int(SYS_read), descriptor.argument, base, 8, arguments: descriptor.description)
    }
  } catch {
    if error.errno != .again { throw error }
  }
  return counter[0]
}
