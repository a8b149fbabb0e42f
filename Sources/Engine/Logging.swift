internal import Arguments
package import Containers
internal import Kernel
package import Monitoring

// Where a container's log goes: what was asked for, as the supervisor and `logs` need it.

extension Engine {
  /// The word after the supervisor's own name that says to compress the files of a log that are full.
  package static let compressOption = "--compress"

  /// The log of a container that is about to start. What cannot be reached is an error: nobody wants a container whose log is
  /// nowhere.
  func openLog(_ record: ContainerRecord, _ files: ContainerFiles) throws(Fault) -> LogWriter? {
    guard let target = try logTarget(record, files) else { return nil }
    return try LogWriter(target)
  }

  /// The log of one that runs: it runs on, whatever became of its log.
  func resumeLog(_ record: ContainerRecord, _ files: ContainerFiles) throws(Fault) -> LogWriter? {
    guard let target = try logTarget(record, files) else { return nil }
    return try LogWriter(target, mustReach: false)
  }

  private func logTarget(_ record: ContainerRecord, _ files: ContainerFiles) throws(Fault) -> LogWriter.Target? {
    let settings = record.logging
    switch settings.driver {
    case .none: return nil
    case .jsonFile, .local:
      return .files(
        LogFileOptions(
          files.log(of: settings.driver), format: logFormat(record), maximumSize: settings.maximumSize,
          maximumFiles: settings.maximumFiles,
          compressor: settings.compresses
            ? ["skiff-monitor", Path(Self.compressOption), files.log(of: settings.driver)] : nil))
    case .journald:
      return .forwarded(
        LogReceiver(
          .unix(JournalForm.socket, .datagram), .journal(fields: journalFields(of: record)), name: "the journal",
          hint:
            "the journal does not listen at \(JournalForm.socket): is systemd-journald running? json-file needs nobody")
      )
    case .syslog: return try .forwarded(syslogReceiver(for: record))
    }
  }

  /// How the files of its log are written and read.
  package func logFormat(_ record: ContainerRecord) -> LogFormat {
    if record.logging.driver == .local { return .local }
    var attributes = record.logging.attributes
    if record.logging.options["tag"] != nil { attributes["tag"] = tag(of: record) }
    return .json(attributes: attributes)
  }

  private func tag(of record: ContainerRecord) -> String {
    let text = record.logging.options["tag"] ?? ""
    return (try? LogTag(text.isEmpty ? "{{.ID}}" : text))?.text(of: record) ?? String(record.identifier.prefix(12))
  }

  /// Docker's names for them.
  private func journalFields(of record: ContainerRecord) -> [UInt8] {
    let tag = tag(of: record)
    let fields = [
      ("CONTAINER_ID", String(record.identifier.prefix(12))), ("CONTAINER_ID_FULL", record.identifier),
      ("CONTAINER_NAME", record.name), ("CONTAINER_TAG", tag), ("IMAGE_NAME", record.image), ("SYSLOG_IDENTIFIER", tag),
    ]
    var bytes: [UInt8] = []
    for (name, value) in fields { bytes += JournalForm.field(name, value) }
    for (name, value) in record.logging.attributes.sorted(by: { $0.key < $1.key }) {
      let name = JournalForm.fieldName(name)
      if !name.isEmpty { bytes += JournalForm.field(name, value) }
    }
    return bytes
  }

  private func syslogReceiver(for record: ContainerRecord) throws(Fault) -> LogReceiver {
    let options = record.logging.options
    let text = options["syslog-address"] ?? ""
    let facility = options["syslog-facility"] ?? "daemon"
    let form = SyslogForm(
      kind: SyslogForm.Kind(rawValue: options["syslog-format"] ?? "") ?? .local,
      facility: Int(facility) ?? SyslogForm.facilities.firstIndex(of: facility) ?? 3,
      hostname: (try? readText("/proc/sys/kernel/hostname"))?.split(separator: "\n").first.map(String.init) ?? "-",
      tag: tag(of: record), process: processIdentifier())
    do throws(OptionError) {
      return LogReceiver(
        try LogReceiver.Address(syslog: text), .syslog(form), name: "syslog",
        hint: "nobody takes syslog messages at \(text.isEmpty ? "/dev/log" : text): is the daemon running?")
    } catch { throw Fault("connect", .invalid, arguments: "\(text): \(error.reason)") }
  }
}
