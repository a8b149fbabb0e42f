package import Kernel
package import Planning
internal import Steps

// The protocol between the parent (the supervisor) and the child (the container's first process), over one
// SOCK_SEQPACKET pair, so that a message is never torn and its end is seen:
//
//   parent                         child
//     │ ◄──────── terminal + fd ─────│   the pseudo terminal's other end, when there is one
//     │ ◄──────── timing ────────────│   one a step, when asked for
//     │                              │   (building)
//     │ ◄──────── built ─────────────│   only where hooks of the runtime wait for it
//     │ ───────── go ──────────────► │   cgroups, network and id maps are there
//     │                              │   (finishing)
//     │ ◄──────── waiting ───────────│   only for `create`: from here on the parent is who connects to the start socket
//     │ ───────── go ──────────────► │   `start`
//     │ ◄──────── listener + fd ─────│   the filter is loaded and asks somebody; what follows may wait for the answer
//     │ ───────── go ──────────────► │   whoever it asks has the listener
//     │ ◄──────── starting ──────────│   all that is left is execve
//     │ ◄──────── failed ────────────│   step, call, arguments, errno; then the child is gone
//     │ ◄──────── end of file ───────│   execve closed the socket: the program runs
//
// With an id map to wait for, the child waits before `building` too: the same `go` byte is sent twice.

/// What the child tells the parent.
package enum ChildMessage: Hashable, Sendable {
  /// The master's descriptor comes along as SCM_RIGHTS.
  case terminal
  case timing(phase: Phase, index: Int, nanoseconds: UInt64)
  /// `exec` only: the process inside, which the one that joined has cloned; its pidfd comes along.
  case process(ProcessIdentifier)
  /// The mounts are there and the root is not entered yet.
  case built
  /// Made whole: only `start` is missing.
  case waiting
  /// The listener of the filter comes along, which is loaded already.
  case listener
  /// All that is left is execve: the end of the socket now means that the program runs.
  case starting
  case failed(phase: Phase, index: Int, Fault)
}

extension ChildMessage {
  /// The longest message; arguments of a call are cut to fit.
  package static let limit = 16_384

  package var bytes: [UInt8] {
    var writer = MessageWriter()
    switch self {
    case .terminal: writer.put(UInt8(1))
    case .starting: writer.put(UInt8(4))
    case .built: writer.put(UInt8(6))
    case .waiting: writer.put(UInt8(7))
    case .listener: writer.put(UInt8(8))
    case .process(let process):
      writer.put(UInt8(5))
      writer.put(UInt64(UInt32(bitPattern: process)))
    case .timing(let phase, let index, let nanoseconds):
      writer.put(UInt8(2))
      writer.put(phase.rawValue)
      writer.put(UInt64(index))
      writer.put(nanoseconds)
    case .failed(let phase, let index, let fault):
      writer.put(UInt8(3))
      writer.put(phase.rawValue)
      writer.put(UInt64(index))
      writer.put(UInt64(UInt32(bitPattern: fault.errno.rawValue)))
      writer.put(fault.operation, limit: 256)
      writer.put(fault.arguments, limit: 8192)
      writer.put(fault.hint ?? "", limit: 4096)
    }
    return writer.bytes
  }

  /// Nil when the bytes are not a message: the child is not trusted to be well.
  package init?(bytes: ArraySlice<UInt8>) {
    var reader = MessageReader(bytes)
    switch reader.byte() {
    case 1: self = .terminal
    case 4: self = .starting
    case 6: self = .built
    case 7: self = .waiting
    case 8: self = .listener
    case 5:
      guard let process = reader.word() else { return nil }
      self = .process(ProcessIdentifier(truncatingIfNeeded: process))
    case 2:
      guard let phase = reader.byte().flatMap(Phase.init), let index = reader.word(), let time = reader.word(),
        let index = Int(exactly: index)
      else { return nil }
      self = .timing(phase: phase, index: index, nanoseconds: time)
    case 3:
      guard let phase = reader.byte().flatMap(Phase.init), let index = reader.word(), let errno = reader.word(),
        let operation = reader.text(), let arguments = reader.text(), let hint = reader.text(),
        let index = Int(exactly: index)
      else { return nil }
      self = .failed(
        phase: phase, index: index,
        Fault(
          operation: operation, Errno(rawValue: Int32(truncatingIfNeeded: errno)), arguments: arguments,
          hint: hint.isEmpty ? nil : hint))
    default: return nil
    }
  }
}

/// Fixed-width numbers and counted strings, little-endian.
struct MessageWriter {
  var bytes: [UInt8] = []
  mutating func put(_ byte: UInt8) { bytes.append(byte) }
  mutating func put(_ word: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
  }
  mutating func put(_ text: String, limit: Int) {
    let cut = Array(text.utf8.prefix(limit))
    put(UInt64(cut.count))
    bytes.append(contentsOf: cut)
  }
}

struct MessageReader {
  private var rest: ArraySlice<UInt8>
  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }
  mutating func byte() -> UInt8? { rest.popFirst() }
  mutating func word() -> UInt64? {
    guard rest.count >= 8 else { return nil }
    var value: UInt64 = 0
    for index in 0..<8 { value |= UInt64(rest[rest.startIndex + index]) << UInt64(8 * index) }
    rest = rest.dropFirst(8)
    return value
  }
  mutating func text() -> String? {
    guard let count = word(), count <= UInt64(rest.count) else { return nil }
    defer { rest = rest.dropFirst(Int(count)) }
    return String(decoding: rest.prefix(Int(count)), as: UTF8.self)
  }
}
