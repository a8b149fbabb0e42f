internal import Kernel
internal import Seccomp

/// What the kernel's log has of processes that a filter killed: audit records of type 1326 (AUDIT_SECCOMP), which the
/// kernel writes there where no audit daemon takes them.
enum SeccompLog {
  /// The name of the call for which the process was killed last; nil where the log does not say.
  static func deniedCall(of process: ProcessIdentifier) -> String? {
    var found: String?
    for record in records() {
      guard let fields = fields(record), fields["pid"] == "\(process)",
        let number = fields["syscall"].flatMap({ UInt32($0) })
      else { continue }
      found = name(of: number, architecture: fields["arch"])
    }
    return found
  }

  /// What a filter killed while a container ran: its own program, by the name that the kernel has for it, or else whatever was
  /// killed last in that time. Processes below an init have numbers that nobody wrote down.
  ///
  /// - Parameters:
  ///   - program: the container's, a path or a name.
  ///   - start: the container's, as its supervisor wrote it down.
  static func denial(of program: String, between start: Timestamp, and end: Timestamp) -> Denial? {
    denial(of: program, between: start, and: end, in: records())
  }

  struct Denial: Hashable {
    var call: String
    var program: String
    /// It has the name of the container's program.
    var isCertain: Bool
  }

  static func denial(
    of program: String, between start: Timestamp, and end: Timestamp, in records: [String]
  ) -> Denial? {
    // TASK_COMM_LEN without its zero.
    let own = String(decoding: Path(program).name.utf8.prefix(15), as: UTF8.self)
    var found: Denial?
    for record in records {
      guard let fields = fields(record), let time = time(of: record), fields["sig"] == "\(Signal.badSystemCall)",
        // It counts as started once its supervisor has heard of it, and may be dead by then.
        time >= start.adding(nanoseconds: -1_000_000_000), time <= end,
        let number = fields["syscall"].flatMap({ UInt32($0) }), let name = fields["comm"].map(text)
      else { continue }
      let isOwn = name == own
      if found?.isCertain == true && !isOwn { continue }
      found = Denial(call: self.name(of: number, architecture: fields["arch"]), program: name, isCertain: isOwn)
    }
    return found
  }

  /// `audit(1795751844.123:45)`: seconds, milliseconds and the record's number.
  private static func time(of record: String) -> Timestamp? {
    guard let word = record.split(separator: " ").first(where: { $0.hasPrefix("audit(") }) else { return nil }
    let parts = word.dropFirst(6).prefix { $0 != ":" }.split(separator: ".")
    guard parts.count == 2, parts[1].utf8.count == 3, let seconds = Int64(parts[0]), let thousandths = UInt32(parts[1])
    else { return nil }
    return Timestamp(seconds: seconds, nanoseconds: thousandths * 1_000_000)
  }

  /// In quotes, or in hexadecimal digits where it holds white space or quotes (audit_log_untrustedstring).
  private static func text(_ value: String) -> String {
    if value.hasPrefix("\"") { return value.filter { $0 != "\"" } }
    let digits = Array(value.utf8)
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count - 1, by: 2) {
      guard let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) else {
        return value
      }
      bytes.append(byte)
    }
    return Path(String(decoding: bytes, as: UTF8.self)).description
  }

  /// The words of one record, `NAME=VALUE` each; nil for one of another kind.
  static func fields(_ record: String) -> [String: String]? {
    guard record.contains("type=1326") else { return nil }
    var fields: [String: String] = [:]
    for word in record.split(separator: " ") {
      guard let mark = word.firstIndex(of: "=") else { continue }
      fields[String(word[..<mark])] = String(word[word.index(after: mark)...])
    }
    return fields
  }

  /// - Parameter architecture: AUDIT_ARCH_* in hexadecimal digits.
  private static func name(of number: UInt32, architecture: String?) -> String {
    architecture.flatMap { UInt32($0, radix: 16) }.flatMap { Machine.name(ofSystemCall: number, audit: $0) }
      ?? "system call \(number)"
  }

  /// Each read(2) of /dev/kmsg is one record; EAGAIN says that there are no more, EPIPE that one was overwritten meanwhile.
  private static func records() -> [String] {
    guard let log = try? open("/dev/kmsg", [.readOnly, .nonBlocking]) else { return [] }
    var records: [String] = []
    var buffer = [UInt8](repeating: 0, count: 8192)
    while true {
      do throws(Fault) {
        let count = try log.borrowed.read(into: &buffer)
        if count == 0 { return records }
        records.append(String(decoding: buffer[..<count], as: UTF8.self))
      } catch {
        if error.errno != .brokenPipe { return records }
      }
    }
  }
}
