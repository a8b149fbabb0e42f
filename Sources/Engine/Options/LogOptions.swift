internal import Arguments
package import Containers
internal import Kernel
package import Monitoring

/// `--log-driver` and `--log-opt`, checked before anything is made.
package struct LogRequest: Hashable, Sendable {
  package var settings = LogSettings()
  package var selection = LogSelection()
  package init() {}

  /// - Parameters:
  ///   - driver: nil is json-file.
  ///   - options: `NAME=VALUE` each.
  package init(driver: String?, options: [String]) throws(OptionError) {
    let words = LogSettings.Driver.allCases.map(\.rawValue)
    if let driver {
      guard let known = LogSettings.Driver(rawValue: driver) else {
        throw OptionError("there is no log driver \(driver): choose \(words.joined(separator: ", "))")
      }
      settings.driver = known
    }
    for text in options {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[0].isEmpty else { throw OptionError("expected NAME=VALUE, such as max-size=10m") }
      try take(parts[0], parts[1])
      settings.options[parts[0]] = parts[1]
    }
    if settings.compresses, settings.maximumFiles < 2 {
      throw OptionError("compress needs max-file=2 or more: the file that is written is never compressed")
    }
    if settings.driver == .syslog { _ = try LogReceiver.Address(syslog: settings.options["syslog-address"] ?? "") }
  }

  private mutating func take(_ name: String, _ value: String) throws(OptionError) {
    if name.hasPrefix("syslog-tls") { throw OptionError("syslog over TLS is not there: use udp, tcp or a socket") }
    if name == "max-buffer-size" {
      throw OptionError("max-buffer-size is fixed: 64 KB are kept back of a receiver that is behind")
    }
    guard Self.options(of: settings.driver).contains(name) else {
      throw OptionError("\(settings.driver.rawValue) has no option \(name)\(Self.choice(of: settings.driver))")
    }
    switch name {
    case "max-size":
      guard let size = parseBytes(value), size >= 4096 else {
        throw OptionError("max-size is a size of at least 4k, such as 10m")
      }
      settings.maximumSize = Int(clamping: size)
    case "max-file":
      guard let count = Int(value), (1...1000).contains(count) else { throw OptionError("max-file is from 1 to 1000") }
      settings.maximumFiles = count
    case "compress":
      guard let compresses = ["true": true, "1": true, "false": false, "0": false][value] else {
        throw OptionError("compress is true or false")
      }
      settings.compresses = compresses
    case "mode":
      guard value == "blocking" || value == "non-blocking" else {
        throw OptionError("mode is blocking or non-blocking")
      }
      if value == "blocking" && !settings.driver.keepsFiles {
        throw OptionError("a container never waits for \(settings.driver.rawValue): leave mode out")
      }
    case "labels": selection.labels = value.split(separator: ",").map(String.init)
    case "env": selection.variables = value.split(separator: ",").map(String.init)
    case "labels-regex": selection.labelPattern = try Self.pattern(value)
    case "env-regex": selection.variablePattern = try Self.pattern(value)
    case "tag": _ = try LogTag(value)
    case "syslog-facility":
      if Int(value).map({ !(0...23).contains($0) }) ?? !SyslogForm.facilities.contains(value) {
        throw OptionError("syslog-facility is one of \(SyslogForm.facilities.joined(separator: ", ")), or 0 to 23")
      }
    case "syslog-format":
      if SyslogForm.Kind(rawValue: value) == nil {
        throw OptionError("syslog-format is rfc3164, rfc5424 or rfc5424micro")
      }
    default: break
    }
  }

  private static func pattern(_ text: String) throws(OptionError) -> String {
    if RegularExpression(text) == nil { throw OptionError("\(text) is no extended regular expression (regex(7))") }
    return text
  }

  private static let filesOptions = ["max-size", "max-file", "compress", "mode"]
  private static let details = ["labels", "labels-regex", "env", "env-regex", "tag"]

  private static func options(of driver: LogSettings.Driver) -> [String] {
    switch driver {
    case .jsonFile: filesOptions + details
    case .local: filesOptions
    case .journald: details + ["mode"]
    case .syslog: details + ["mode", "syslog-address", "syslog-facility", "syslog-format"]
    case .none: []
    }
  }

  private static func choice(of driver: LogSettings.Driver) -> String {
    let options = options(of: driver)
    return options.isEmpty ? "" : ": it has \(options.joined(separator: ", "))"
  }
}

/// Which labels and variables go beside each line.
package struct LogSelection: Hashable, Sendable {
  package var labels: [String] = []
  package var variables: [String] = []
  package var labelPattern: String?
  package var variablePattern: String?
  package init() {}

  func attributes(labels all: [String: String], environment: [String]) -> [String: String] {
    var attributes: [String: String] = [:]
    var variables: [String: String] = [:]
    for text in environment {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      variables[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
    }
    choose(from: all, labels, labelPattern, into: &attributes)
    choose(from: variables, self.variables, variablePattern, into: &attributes)
    return attributes
  }

  private func choose(
    from all: [String: String], _ names: [String], _ pattern: String?, into chosen: inout [String: String]
  ) {
    for name in names { chosen[name] = all[name] ?? chosen[name] }
    guard let pattern, let expression = RegularExpression(pattern) else { return }
    for (name, value) in all where expression.matches(name) { chosen[name] = value }
  }
}

/// `tag`: text with docker's fields in it, such as `{{.Name}}/{{.ID}}`.
package struct LogTag: Hashable, Sendable {
  private enum Piece: Hashable {
    case text(String)
    case field(String)
  }
  private var pieces: [Piece] = []

  private static let fields = ["ID", "FullID", "Name", "ImageID", "ImageFullID", "ImageName", "DaemonName"]

  package init(_ text: String) throws(OptionError) {
    var rest = text[...]
    while let open = rest.firstRange(of: "{{") {
      pieces.append(.text(String(rest[..<open.lowerBound])))
      rest = rest[open.upperBound...]
      guard let close = rest.firstRange(of: "}}") else { throw OptionError("a {{ in the tag has no }}") }
      let name = rest[..<close.lowerBound].filter { $0 != " " }
      guard name.hasPrefix("."), Self.fields.contains(String(name.dropFirst())) else {
        throw OptionError("a tag has the fields \(Self.fields.map { "{{.\($0)}}" }.joined(separator: ", "))")
      }
      pieces.append(.field(String(name.dropFirst())))
      rest = rest[close.upperBound...]
    }
    pieces.append(.text(String(rest)))
  }

  package func text(of record: ContainerRecord) -> String {
    let image = record.imageIdentifier.split(separator: ":").last.map(String.init) ?? ""
    return pieces.map { piece in
      switch piece {
      case .text(let text): text
      case .field("ID"): String(record.identifier.prefix(12))
      case .field("FullID"): record.identifier
      case .field("Name"): record.name
      case .field("ImageID"): String(image.prefix(12))
      case .field("ImageFullID"): record.imageIdentifier
      case .field("ImageName"): record.image
      case .field: "skiff"
      }
    }.joined()
  }
}

extension LogReceiver.Address {
  /// `syslog-address`: `udp://10.0.0.1:514`, `tcp://[::1]:601`, `unix:///dev/log`, `unixgram://…`; nothing is the daemon of this
  /// machine.
  package init(syslog text: String) throws(OptionError) {
    if text.isEmpty {
      self = .unix("/dev/log", .datagram)
      return
    }
    guard let border = text.firstRange(of: "://") else {
      throw OptionError("syslog-address is udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH")
    }
    let (scheme, rest) = (String(text[..<border.lowerBound]), String(text[border.upperBound...]))
    switch scheme {
    case "unix", "unixgram":
      guard rest.hasPrefix("/") else { throw OptionError("a socket has an absolute path: \(scheme):///dev/log") }
      self = .unix(Path(rest), scheme == "unix" ? .stream : .datagram)
    case "udp", "tcp": self = try .init(host: rest, scheme == "udp" ? .datagram : .stream)
    case "tcp+tls": throw OptionError("syslog over TLS is not there: use udp, tcp or a socket")
    default: throw OptionError("syslog-address begins with udp, tcp, unix or unixgram, not \(scheme)")
    }
  }

  private init(host text: String, _ kind: SocketKind) throws(OptionError) {
    var (host, port) = (text, "514")
    if let colon = text.lastIndex(of: ":"), text.hasSuffix("]") || !text[colon...].contains("]"),
      !text.hasSuffix("]")
    {
      host = String(text[..<colon])
      port = String(text[text.index(after: colon)...])
    }
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    if host == "localhost" { host = "127.0.0.1" }
    guard let number = UInt16(port), number > 0 else { throw OptionError("\(port) is no port") }
    guard let address = IPAddress(host) else {
      throw OptionError(
        "the host of a syslog-address is an address, not a name: nobody looks it up while the container runs")
    }
    self = .internet(address, port: number, kind)
  }
}
