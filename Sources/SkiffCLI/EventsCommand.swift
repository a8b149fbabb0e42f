internal import Arguments
internal import Engine
internal import JSON
internal import Journal
internal import Kernel

extension EventsCommand {
  static let perform: Perform = { arguments in
    let present = now()
    func time(_ text: String) throws(OptionError) -> Timestamp { try parseTime(text, now: present) }
    let since = try arguments.read("since", time)
    let until = try arguments.read("until", time)
    let filter = try EventFilter(arguments)
    let template = try arguments.string("format").map { try Template($0) }
    var reader = try JournalReader(try arguments.engine.journal)
    var events = try reader.take()
    // As docker has it: what was before is shown to whoever gives a time.
    if since == nil && until == nil { events = [] }
    while true {
      _ = try printing { out in
        for event in events where filter.takes(event) {
          if let since, event.time < since { continue }
          if let until, event.time > until { continue }
          out.line(try line(event, template))
        }
      }
      let left = until.map { milliseconds(from: now(), to: $0) }
      if let left, left <= 0 { return 0 }
      _ = try poll(reader.borrowed, .readable, milliseconds: left)
      events = try reader.take()
    }
  }

  private static func milliseconds(from: Timestamp, to: Timestamp) -> Int {
    let seconds = min(to.seconds - from.seconds, 1 << 20)
    guard seconds >= 0 else { return 0 }
    return max(0, Int(seconds) * 1000 + (Int(to.nanoseconds) - Int(from.nanoseconds)) / 1_000_000 + 1)
  }

  private static func line(_ event: JournalEvent, _ template: Template?) throws -> String {
    if let template { return try template.text(document(event)) }
    let attributes = event.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let details = attributes.isEmpty ? "" : " (\(attributes.joined(separator: ", ")))"
    let text = "\(event.time.rfc3339) \(event.kind.rawValue) \(event.words) \(event.identifier)\(details)"
    return printableLine(text)
  }

  /// Docker's message.
  static func document(_ event: JournalEvent) -> JSONValue {
    var message = JSONObject()
    if event.kind == .container || event.kind == .image {
      message["status"] = .string(event.words)
      message["id"] = .string(event.identifier)
      if let image = event.attributes["image"] { message["from"] = .string(image) }
    }
    var attributes = JSONObject()
    for (name, value) in event.attributes.sorted(by: { $0.key < $1.key }) { attributes[name] = .string(value) }
    message["Type"] = .string(event.kind.rawValue)
    message["Action"] = .string(event.words)
    message["Actor"] = ["ID": .string(event.identifier), "Attributes": .object(attributes)]
    message["scope"] = "local"
    message["time"] = .number(.integer(event.time.seconds))
    message["timeNano"] = .number(.integer(event.time.seconds &* 1_000_000_000 &+ Int64(event.time.nanoseconds)))
    return .object(message)
  }
}

/// `--filter` of events: of one name any value is enough, and every name must be met.
struct EventFilter {
  private var values: [String: [String]] = [:]

  private static let known = ["container", "event", "image", "label", "network", "scope", "type", "volume"]

  init(_ arguments: ParsedArguments) throws {
    for text in arguments.strings("filter") {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw arguments.bad("filter", text, "a filter is NAME=VALUE") }
      guard Self.known.contains(parts[0]) else {
        throw arguments.bad(
          "filter", text, "no such filter; there are \(Self.known.dropLast().joined(separator: ", ")) and volume")
      }
      values[parts[0], default: []].append(parts[1])
    }
    for type in values["type"] ?? [] where JournalEvent.Kind(rawValue: type) == nil {
      let kinds = JournalEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw arguments.bad("filter", "type=\(type)", "the types of events here are \(kinds)")
    }
  }

  func takes(_ event: JournalEvent) -> Bool {
    values.allSatisfy { name, values in values.contains { takes(event, name, $0) } }
  }

  private func takes(_ event: JournalEvent, _ name: String, _ value: String) -> Bool {
    func isNamed(_ kind: JournalEvent.Kind) -> Bool {
      event.kind == kind && (event.identifier.hasPrefix(value) || event.attributes["name"] == value)
    }
    switch name {
    case "type": return event.kind.rawValue == value
    case "event": return event.action.rawValue == value || event.words == value
    case "container": return isNamed(.container) || event.attributes["container"]?.hasPrefix(value) ?? false
    case "network": return isNamed(.network)
    case "volume": return isNamed(.volume)
    case "image":
      return isNamed(.image) || event.kind == .container && isImage(event.attributes["image"] ?? "", value)
    case "label":
      let label = value.split(separator: "=", maxSplits: 1).map(String.init)
      return event.attributes[label[0]].map { label.count == 1 || $0 == label[1] } ?? false
    default: return value == "local"
    }
  }

  private func isImage(_ image: String, _ value: String) -> Bool {
    image == value || image.hasPrefix(value + ":") || image + ":latest" == value
  }
}
