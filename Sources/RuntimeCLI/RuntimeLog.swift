internal import Arguments
internal import JSON
internal import Kernel

/// Where errors and warnings go. Engines read the file: one line an entry, as runc writes them.
struct RuntimeLog: Sendable {
  enum Format: String, Sendable { case text, json }

  /// Nil is standard error.
  private let file: Path?
  private let format: Format
  private let isDebugging: Bool

  static let standardError = RuntimeLog(file: nil, format: .text, isDebugging: false)

  private init(file: Path?, format: Format, isDebugging: Bool) {
    self.file = file
    self.format = format
    self.isDebugging = isDebugging
  }

  /// From the options before the command, as they were parsed.
  init(_ globals: ParsedArguments) throws {
    try self.init(globals.string("log"), globals.string("log-format"), isDebugging: globals.flag("debug"))
  }

  /// The same from a command's own words.
  init(globals parsed: ParsedArguments) throws {
    try self.init(
      parsed.inherited("log"), parsed.inherited("log-format"), isDebugging: parsed.inherited("debug") == "true")
  }

  private init(_ path: String?, _ format: String?, isDebugging: Bool) throws {
    guard let format = Format(rawValue: format ?? "text") else {
      throw UsageError(command: "", "invalid argument \"\(format ?? "")\" for \"--log-format\": expected text or json")
    }
    // The working directory will be the bundle's.
    self.init(file: try path.flatMap { $0.isEmpty ? nil : try absolute($0) }, format: format, isDebugging: isDebugging)
  }

  func error(_ message: String, hint: String?) {
    // An engine shows its user the message alone; a person in front of a terminal has a line for the hint.
    append(
      "error", file == nil && format == .text ? message : [message, hint].compactMap { $0 }.joined(separator: ": "))
    if file == nil, format == .text, let hint { write("hint: \(printable(hint))\n") }
    if file != nil { try? BorrowedDescriptor.standardError.write("\(runtimeName): \(printable(message))\n") }
  }

  func warning(_ message: String) { append("warning", message) }

  func debug(_ message: @autoclosure () -> String) {
    if isDebugging { append("debug", message()) }
  }

  private func append(_ level: String, _ message: String) {
    switch format {
    case .json:
      var writer = JSONWriter()
      writer.object {
        $0.member("level", level)
        $0.member("msg", message)
        $0.member("time", now().rfc3339)
      }
      write(String(decoding: writer.finish(), as: UTF8.self) + "\n")
    case .text where file == nil:
      // A bundle's words may be an image's, and this is where a person looks on.
      write("\(runtimeName): \(level == "error" ? "" : level + ": ")\(printable(message))\n")
    case .text:
      write("time=\"\(now().rfc3339)\" level=\(level) msg=\(message.jsonQuoted)\n")
    }
  }

  private func write(_ text: String) {
    guard let file else { return (try? BorrowedDescriptor.standardError.write(text)) ?? () }
    guard let log = try? open(file, [.writeOnly, .create, .append], mode: 0o644) else { return }
    try? log.borrowed.write(text)
  }
}

extension String {
  /// Between quotes, on one line.
  fileprivate var jsonQuoted: String {
    var writer = JSONWriter()
    writer.string(self)
    return String(decoding: writer.finish(), as: UTF8.self)
  }
}
