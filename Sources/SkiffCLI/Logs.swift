internal import Arguments
internal import Containers
internal import Engine
internal import Kernel
internal import Monitoring

extension LogsCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let identifier = try engine.find(arguments.positionals[0])
    let files = engine.store.files(of: identifier)
    let record = try engine.record(of: identifier)
    if record.logIsOff {
      throw Failure(.conflict, "container \(record.name) keeps no log", hint: "it was started with --log-driver none")
    }
    let present = now()
    func time(_ text: String) throws(OptionError) -> Timestamp { try parseTime(text, now: present) }
    let query = LogQuery(
      tail: try tail(arguments), since: try arguments.read("since", time), until: try arguments.read("until", time))
    let showsTimes = arguments.flag("timestamps")
    // As docker has it: a space stands there where there are none, too.
    let details = arguments.flag("details") ? record.options.logDetails.map(escaped).joined(separator: ",") + " " : ""
    var reader = LogReader(files.log, query)
    func show(_ entry: LogEntry) throws(Fault) {
      let text = (showsTimes ? "\(entry.time.rfc3339) " : "") + details + entry.text
      let stream: BorrowedDescriptor = entry.stream == .errors ? .standardError : .standardOutput
      try stream.write(text)
    }
    guard arguments.flag("follow") else {
      try reader.read(show)
      return 0
    }
    // The supervisor's socket is readable when it has its last word to say, and closed when it is gone.
    let supervisor = try? engine.connect(to: identifier, named: record.name)
    guard let supervisor else {
      try reader.read(show)
      return 0
    }
    try reader.follow(until: supervisor.borrowed, show)
    return 0
  }

  /// As a query of an address has it (RFC 3986), so that nothing in a value ends it.
  private static func escaped(_ detail: String) -> String {
    let name = detail.prefix { $0 != "=" }
    func escape(_ text: Substring) -> String {
      text.utf8.reduce(into: "") { escaped, byte in
        let isPlain =
          (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
          || [45, 46, 95, 126].contains(byte)
        let digits = String(byte, radix: 16, uppercase: true)
        escaped += isPlain ? String(UnicodeScalar(byte)) : byte == 32 ? "+" : "%" + (byte < 16 ? "0" : "") + digits
      }
    }
    return "\(escape(name))=\(escape(detail.dropFirst(name.count + 1)))"
  }

  private static func tail(_ arguments: ParsedArguments) throws -> Int? {
    guard let text = arguments.string("tail"), text != "all" else { return nil }
    guard let count = Int(text) else { throw arguments.bad("tail", text, "not a number of lines, nor \"all\"") }
    return count < 0 ? nil : count
  }
}
