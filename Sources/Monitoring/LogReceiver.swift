package import Kernel

/// Somebody else who keeps the log: the system's journal, or a syslog daemon.
package struct LogReceiver: Sendable {
  package enum Address: Hashable, Sendable {
    case unix(Path, SocketKind)
    case internet(IPAddress, port: UInt16, SocketKind)
  }

  /// How a line is told.
  package enum Form: Sendable {
    /// The journal's own protocol (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md), with what is the same for each line.
    case journal(fields: [UInt8])
    case syslog(SyslogForm)
  }

  package var address: Address
  package var form: Form
  /// What a person calls it, and what to do when it is not there.
  package var name: String
  package var hint: String

  package init(_ address: Address, _ form: Form, name: String, hint: String) {
    self.address = address
    self.form = form
    self.name = name
    self.hint = hint
  }

  /// A stream has no borders between messages but their newlines.
  var isStream: Bool {
    switch address {
    case .unix(_, let kind), .internet(_, _, let kind): kind == .stream
    }
  }

  /// A connected socket that does not wait. Over TCP the connection may still be on its way.
  func connect() throws(Fault) -> Descriptor {
    switch address {
    case .unix(let path, let kind):
      let socket = try makeSocket(.unix, kind, nonBlocking: true)
      try socket.borrowed.connectUnix(path)
      return socket
    case .internet(let address, let port, let kind):
      let domain: SocketDomain =
        switch address {
        case .v4: .ipv4
        case .v6: .ipv6
        }
      let socket = try makeSocket(domain, kind, nonBlocking: true)
      do throws(Fault) { try socket.borrowed.connect(.internet(address, port: port)) } catch {
        if error.errno != .inProgress { throw error }
      }
      return socket
    }
  }

  func message(_ part: ArraySlice<UInt8>, _ stream: LogStream, _ time: LogTime) -> [UInt8] {
    let isWhole = part.last == 10
    let text = isWhole ? part.dropLast() : part
    switch form {
    case .journal(let fields): return JournalForm.message(text, stream, time, isPartial: !isWhole, fields)
    case .syslog(let form): return form.message(text, stream, time.timestamp)
    }
  }
}

/// The journal's native protocol: `NAME=value` and a newline, or the name, a newline, the length of the value in eight bytes,
/// least significant first, the value and a newline.
package enum JournalForm {
  package static let socket: Path = "/run/systemd/journal/socket"

  package static func field(_ name: String, _ value: String) -> [UInt8] { field(name, Array(value.utf8)[...]) }

  static func field(_ name: String, _ value: ArraySlice<UInt8>) -> [UInt8] {
    var bytes = Array(name.utf8)
    if value.contains(10) {
      bytes.append(10)
      for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value.count >> shift)) }
    } else {
      bytes.append(UInt8(ascii: "="))
    }
    bytes += value
    bytes.append(10)
    return bytes
  }

  /// What a label or a variable is called there, as docker has it: capital letters, digits and underscores, none of these in
  /// front.
  package static func fieldName(_ name: String) -> String {
    let bytes = name.utf8.map { byte -> UInt8 in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 32
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
      default: UInt8(ascii: "_")
      }
    }
    return String(decoding: bytes.drop { $0 == UInt8(ascii: "_") }, as: UTF8.self)
  }

  static func message(
    _ text: ArraySlice<UInt8>, _ stream: LogStream, _ time: LogTime, isPartial: Bool, _ fields: [UInt8]
  ) -> [UInt8] {
    var bytes = field("MESSAGE", text)
    // LOG_INFO and LOG_ERR (syslog(3)).
    bytes += Array(stream == .output ? "PRIORITY=6\n".utf8 : "PRIORITY=3\n".utf8)
    bytes += Array("SYSLOG_TIMESTAMP=".utf8) + time.text + [10]
    if isPartial { bytes += Array("CONTAINER_PARTIAL_MESSAGE=true\n".utf8) }
    return bytes + fields
  }
}

/// How a line is told to a syslog daemon.
package struct SyslogForm: Hashable, Sendable {
  /// `syslog-format`.
  package enum Kind: String, CaseIterable, Sendable {
    /// What the daemon of this machine gets (docker's default): no host name.
    case local = ""
    case rfc3164, rfc5424, rfc5424micro
  }

  package var kind: Kind
  /// 0 to 23 (RFC 5424, 6.2.1).
  package var facility: Int
  package var hostname: String
  package var tag: String
  /// The number that stands for the sender: the supervisor's.
  package var process: ProcessIdentifier

  package init(kind: Kind, facility: Int, hostname: String, tag: String, process: ProcessIdentifier) {
    self.kind = kind
    self.facility = facility
    self.hostname = hostname
    self.tag = tag
    self.process = process
  }

  /// In docker's order: kern is 0.
  package static let facilities = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
  ]

  func message(_ text: ArraySlice<UInt8>, _ stream: LogStream, _ time: Timestamp) -> [UInt8] {
    let priority = facility * 8 + (stream == .output ? 6 : 3)
    let stamp = time.rfc3339
    let head =
      switch kind {
      case .local: "<\(priority)>\(Self.old(stamp)) \(tag)[\(process)]: "
      case .rfc3164: "<\(priority)>\(Self.old(stamp)) \(hostname) \(tag)[\(process)]: "
      case .rfc5424: "<\(priority)>1 \(stamp.prefix(19))Z \(hostname) \(tag) \(process) \(tag) - "
      case .rfc5424micro: "<\(priority)>1 \(stamp.prefix(26))Z \(hostname) \(tag) \(process) \(tag) - "
      }
    return Array(head.utf8) + text + [10]
  }

  /// `Nov 27 00:05:09`, in UTC: no time zone is read.
  private static func old(_ stamp: String) -> String {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let bytes = Array(stamp.utf8)
    let month = (Int(bytes[5]) - 48) * 10 + Int(bytes[6]) - 48
    let day = (Int(bytes[8]) - 48) * 10 + Int(bytes[9]) - 48
    return "\(months[month - 1]) \(day < 10 ? " " : "")\(day) \(String(decoding: bytes[11..<19], as: UTF8.self))"
  }
}
