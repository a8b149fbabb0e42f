internal import CKernel

/// What a watch reports (inotify(7)).
package struct WatchEvents: FlagWord {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let modified = WatchEvents(rawValue: 0x002)
  package static let attributesChanged = WatchEvents(rawValue: 0x004)
  package static let closedAfterWrite = WatchEvents(rawValue: 0x008)
  package static let movedFrom = WatchEvents(rawValue: 0x040)
  package static let movedTo = WatchEvents(rawValue: 0x080)
  package static let created = WatchEvents(rawValue: 0x100)
  package static let removed = WatchEvents(rawValue: 0x200)
  /// The watched file itself is gone, or has another name.
  package static let selfRemoved = WatchEvents(rawValue: 0x400)
  package static let selfMoved = WatchEvents(rawValue: 0x800)
  /// The queue was full and reports were lost: look at everything again.
  package static let overflowed = WatchEvents(rawValue: 0x4000)
}

/// One report of a `Watcher`.
package struct WatchReport: Hashable, Sendable {
  package var watch: Int32
  package var events: WatchEvents
  /// The name inside a watched directory; empty for the watched file itself.
  package var name: Path
}

/// An inotify(7) instance: files that change, as something to wait for instead of asking again and again.
package struct Watcher: ~Copyable {
  private let descriptor: Descriptor

  package init() throws(Fault) {
    let raw = try systemCall(
      "inotify_init1", Int(SYS_inotify_init1), Int(O_CLOEXEC | O_NONBLOCK), arguments: "IN_CLOEXEC|IN_NONBLOCK")
    descriptor = Descriptor(owning: Int32(raw))
  }

  package var borrowed: BorrowedDescriptor { descriptor.borrowed }

  /// The number that reports about `path` carry.
  @discardableResult
  package func watch(_ path: Path, _ events: WatchEvents) throws(Fault) -> Int32 {
    try path.withAddress { (address) throws(Fault) in
      Int32(
        try systemCall(
          "inotify_add_watch", Int(SYS_inotify_add_watch), descriptor.borrowed.argument, address, Int(events.rawValue),
          arguments: "\(descriptor.rawValue), \(path.quoted), 0x\(String(events.rawValue, radix: 16))"))
    }
  }

  /// What was reported since the last call; empty when nothing was.
  package func take() throws(Fault) -> [WatchReport] {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var count = 0
    do throws(Fault) {
      let size = buffer.count
      count = try buffer.withMutableAddress { (base) throws(Fault) in
        try systemCall("read", Int(SYS_read), descriptor.borrowed.argument, base, size, arguments: "inotify")
      }
    } catch {
      if error.errno == .again { return [] }
      throw error
    }
    // struct inotify_event: s32 watch, u32 mask, u32 cookie, u32 length of the name, the name with NULs at its end.
    var reports: [WatchReport] = []
    var offset = 0
    while offset + 16 <= count {
      let length = Int(word(buffer, offset + 12))
      guard offset + 16 + length <= count else { break }
      let name = buffer[(offset + 16)..<(offset + 16 + length)].prefix { $0 != 0 }
      reports.append(
        WatchReport(
          watch: Int32(bitPattern: word(buffer, offset)), events: WatchEvents(rawValue: word(buffer, offset + 4)),
          name: Path(bytes: name) ?? ""))
      offset += 16 + length
    }
    return reports
  }

  private func word(_ buffer: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(buffer[offset + $1]) << UInt32(8 * $1) }
  }
}
