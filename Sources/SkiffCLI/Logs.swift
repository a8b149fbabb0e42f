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
    let log = record.logging
    switch log.driver {
    case .jsonFile, .local, .journald: break
    case .none:
      throw Failure(.conflict, "container \(record.name) keeps no log", hint: "it was started with --log-driver none")
    case .syslog:
      throw Failure(
        .conflict, "the log of \(record.name) is with the syslog daemon",
        hint: "look where that keeps it (\(log.options["syslog-address"] ?? "/dev/log"))")
    }
    let present = now()
    func time(_ text: String) throws(OptionError) -> Timestamp { try parseTime(text, now: present) }
    let query = LogQuery(
      tail: try tail(arguments), since: try arguments.read("since", time), until: try arguments.read("until", time))
    if log.driver == .journald { return try showJournal(record, query, engine, arguments) }
    var reader = LogReader(files.log(of: log.driver), format: engine.logFormat(record), query)
    var isDamaged = false
    reader.whenDamaged = { damage in
      isDamaged = true
      warnOf(damage)
    }
    var printer = LogPrinter(showsTimes: arguments.flag("timestamps"), showsDetails: arguments.flag("details"))
    // The supervisor's socket is readable when it has its last word to say, and closed when it is gone.
    if arguments.flag("follow"), let supervisor = try? engine.connect(to: identifier, named: record.name) {
      try reader.follow(until: supervisor.borrowed) { () throws(Fault) in
        try printer.flush()
      } _: { (line) throws(Fault) in
        try printer.take(line)
      }
    } else {
      try reader.read { (line) throws(Fault) in try printer.take(line) }
    }
    try printer.flush()
    return isDamaged ? 1 : 0
  }

  private static func warnOf(_ damage: LogDamage) {
    let loss =
      damage.leftOut > 0
      ? "the lines in the last \(damage.leftOut) of its \(damage.size) bytes are left out"
      : "what came behind its \(damage.size) bytes is lost"
    complain("\(damage.file) is damaged: \(damage.reason)", hint: loss)
  }

  private static func showJournal(
    _ record: ContainerRecord, _ query: LogQuery, _ engine: Engine, _ arguments: ParsedArguments
  ) throws -> Int32 {
    let showsDetails = arguments.flag("details")
    guard let log = JournalLog(of: record.identifier, attributes: showsDetails ? record.logging.attributes : [:], query)
    else {
      throw Failure(
        .host, "the log of \(record.name) is in the system's journal, and there is no journalctl here to read that",
        hint: "ask the host's systemd: journalctl CONTAINER_ID_FULL=\(record.identifier)")
    }
    var printer = LogPrinter(showsTimes: arguments.flag("timestamps"), showsDetails: showsDetails)
    let supervisor: Descriptor? =
      arguments.flag("follow")
      ? try? engine.connect(to: try engine.find(record.identifier), named: record.name) : nil
    let code = try log.read(following: supervisor.view) { () throws(Fault) in
      try printer.flush()
    } _: { (line) throws(Fault) in
      try printer.take(line)
    }
    try printer.flush()
    return code
  }

  private static func tail(_ arguments: ParsedArguments) throws -> Int? {
    guard let text = arguments.string("tail"), text != "all" else { return nil }
    guard let count = Int(text) else { throw arguments.bad("tail", text, "not a number of lines, nor \"all\"") }
    return count < 0 ? nil : count
  }
}
