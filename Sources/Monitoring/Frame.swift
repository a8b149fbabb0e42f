package import Kernel

// What a supervisor and its clients (the command that started it, `attach`) say to each other: frames of an eight-byte
// head (kind, three zeros, length little-endian) and a body.

/// The longest body that either side accepts.
package let frameLimit = 65_536

package enum Frame: Hashable, Sendable {
  // From the supervisor.
  /// The program runs; the body is its pid on the host.
  case started(ProcessIdentifier)
  /// It could not be started: message and hint, and the exit code that docker gives for it (125, 126, 127).
  case failed(code: Int32, message: String, hint: String)
  case output([UInt8])
  case errors([UInt8])
  /// The container is over and, with --rm, gone.
  case exited(code: Int32, message: String)
  /// One line of `--timings`.
  case timing(String)

  // From a client.
  /// Output from now on; a client that only waits for the end does not ask.
  case subscribe
  case input([UInt8])
  /// The client's standard input is at its end.
  case inputEnd
  case resize(rows: UInt16, columns: UInt16)
  case signal(Int32)
}

extension Frame {
  private var kind: UInt8 {
    switch self {
    case .started: 1
    case .failed: 2
    case .output: 3
    case .errors: 4
    case .exited: 5
    case .timing: 6
    case .subscribe: 15
    case .input: 16
    case .inputEnd: 17
    case .resize: 18
    case .signal: 19
    }
  }

  package var bytes: [UInt8] {
    let body: [UInt8] =
      switch self {
      case .started(let process): number(process)
      case .failed(let code, let message, let hint):
        number(code) + Array(message.utf8.prefix(8192)) + [0] + Array(hint.utf8.prefix(8192))
      case .output(let bytes), .errors(let bytes), .input(let bytes): bytes
      case .exited(let code, let message): number(code) + Array(message.utf8.prefix(8192))
      case .timing(let line): Array(line.utf8.prefix(8192))
      case .inputEnd, .subscribe: []
      case .resize(let rows, let columns): number(Int32(rows) << 16 | Int32(columns))
      case .signal(let signal): number(signal)
      }
    return [kind, 0, 0, 0] + number(Int32(body.count)) + body
  }

  private init?(kind: UInt8, body: ArraySlice<UInt8>) {
    func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
    switch kind {
    case 3: self = .output(Array(body))
    case 4: self = .errors(Array(body))
    case 6: self = .timing(text(body))
    case 15: self = .subscribe
    case 16: self = .input(Array(body))
    case 17: self = .inputEnd
    default:
      guard let value = readNumber(body) else { return nil }
      let rest = body.dropFirst(4)
      switch kind {
      case 1: self = .started(value)
      case 2:
        let parts = rest.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        self = .failed(code: value, message: text(parts[0]), hint: parts.count > 1 ? text(parts[1]) : "")
      case 5: self = .exited(code: value, message: text(rest))
      case 18: self = .resize(rows: UInt16(truncatingIfNeeded: value >> 16), columns: UInt16(truncatingIfNeeded: value))
      case 19: self = .signal(value)
      default: return nil
      }
    }
  }

  /// Takes whole frames off the front of `buffer`. Nil when what is there cannot be a frame: hang up.
  package static func take(from buffer: inout [UInt8]) -> [Frame]? {
    var frames: [Frame] = []
    var offset = 0
    while buffer.count - offset >= 8 {
      guard let length = readNumber(buffer[(offset + 4)...]), (0...Int32(frameLimit)).contains(length) else {
        return nil
      }
      let end = offset + 8 + Int(length)
      if buffer.count < end { break }
      guard let frame = Frame(kind: buffer[offset], body: buffer[(offset + 8)..<end]) else { return nil }
      frames.append(frame)
      offset = end
    }
    buffer.removeFirst(offset)
    return frames
  }
}

private func number(_ value: Int32) -> [UInt8] {
  let bits = UInt32(bitPattern: value)
  return [
    UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8), UInt8(truncatingIfNeeded: bits >> 16),
    UInt8(truncatingIfNeeded: bits >> 24),
  ]
}

private func readNumber(_ bytes: ArraySlice<UInt8>) -> Int32? {
  guard bytes.count >= 4 else { return nil }
  let start = bytes.startIndex
  var bits: UInt32 = 0
  for index in 0..<4 { bits |= UInt32(bytes[start + index]) << UInt32(8 * index) }
  return Int32(bitPattern: bits)
}
