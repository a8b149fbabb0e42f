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
