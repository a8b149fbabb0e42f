internal import Arguments
internal import ImageSpec
internal import Kernel
internal import Layers

/// `--filter` of the prune commands: `until=`, `label=`, `label!=`, and for images `dangling=`.
struct PruneFilter {
  /// Older than this only.
  private(set) var until: Timestamp?
  private var labels: [LabelCondition] = []
  /// `dangling=false`: those with a name too.
  private(set) var includesNamed = false

  init(_ arguments: ParsedArguments) throws {
    for text in arguments.strings("filter") {
      guard let equals = text.firstIndex(of: "=") else { throw arguments.bad("filter", text, "a filter is NAME=VALUE") }
      let value = String(text[text.index(after: equals)...])
      switch text[..<equals] {
      case "until":
        guard let time = Self.time(value) else {
          throw arguments.bad("filter", text, "until is a time such as 2026-11-26T10:00:00Z, or an age such as 24h")
        }
        until = time
      case "label": labels.append(LabelCondition(value, isWanted: true))
      case "label!": labels.append(LabelCondition(value, isWanted: false))
      case "dangling":
        guard let flag = parseBoolean(value) else {
          throw arguments.bad("filter", text, "dangling is true or false")
        }
        includesNamed = !flag
      default: throw arguments.bad("filter", text, "no such filter; there are until, label, label! and dangling")
      }
    }
  }

  func takes(_ image: Image) -> Bool {
    takes(created: image.config.created.flatMap { Timestamp(rfc3339: $0) }, labels: image.config.config.labels)
  }

  /// - Parameter created: nil when nobody knows, which is never older than anything.
  func takes(created: Timestamp?, labels: [String: String]) -> Bool {
    if let until {
      guard let created, created < until else { return false }
    }
    return self.labels.allSatisfy { $0.holds(labels) }
  }

  /// A time, seconds since the epoch, or an age by Go's durations.
  static func time(_ text: String, present: Timestamp = now()) -> Timestamp? {
    if let age = parseDuration(text) { return age == .min ? nil : present.adding(nanoseconds: -age) }
    if let seconds = Int64(text) { return Timestamp(seconds: seconds, nanoseconds: 0) }
    return Timestamp(rfc3339: text)
  }
}

/// `KEY` or `KEY=VALUE`.
struct LabelCondition {
  private var key: String
  private var value: String?
  private var isWanted: Bool

  init(_ text: String, isWanted: Bool) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    key = parts[0]
    value = parts.count == 2 ? parts[1] : nil
    self.isWanted = isWanted
  }

  func holds(_ labels: [String: String]) -> Bool {
    let has = labels[key].map { value == nil || $0 == value } ?? false
    return has == isWanted
  }
}
