package import Steps

extension UnitProperty {
  private enum Kind { case flag, signed, time, number, text, texts }

  /// What an annotation may set: how the scope ends and what it waits for. runc passes on any name at all; there an image's
  /// annotation could set `SuccessAction=poweroff` (CVE-2024-3154).
  private static let known: [String: Kind] = [
    "After": .texts, "Before": .texts, "CollectMode": .text, "DefaultDependencies": .flag, "Description": .text,
    "IOWeight": .number, "KillMode": .text, "KillSignal": .signed, "ManagedOOMMemoryPressure": .text,
    "ManagedOOMPreference": .text, "ManagedOOMSwap": .text, "MemoryHigh": .number, "MemoryMin": .number,
    "OOMPolicy": .text, "RuntimeMaxUSec": .time, "SendSIGHUP": .flag, "SendSIGKILL": .flag, "TimeoutStopUSec": .time,
    "Wants": .texts,
  ]

  /// The properties that `org.systemd.property.NAME` annotations ask for, by name.
  package static func annotated(_ annotations: [String: String]) throws(UnitError) -> [UnitProperty] {
    let prefix = "org.systemd.property."
    var found: [UnitProperty] = []
    for (key, text) in annotations.sorted(by: { $0.key < $1.key }) where key.hasPrefix(prefix) {
      var name = String(key.dropFirst(prefix.count))
      // People write what the manual has, `TimeoutStopSec`; the bus has microseconds.
      let isSeconds = name.hasSuffix("Sec") && !name.hasSuffix("USec")
      if isSeconds { name = name.dropLast(3) + "USec" }
      guard let kind = known[name] else {
        throw UnitError(
          "annotation \(key): this property of a unit is not for a configuration to set",
          hint: "those that are: " + known.keys.sorted().joined(separator: ", "))
      }
      guard let value = value(of: text, kind, isSeconds: isSeconds) else {
        throw UnitError(
          "annotation \(key): \"\(text)\" is no value of this property",
          hint: "GVariant text, as gdbus(1) takes it: uint64 5000000, true, 'inactive', ['a.service']")
      }
      found.append(UnitProperty(name, value))
    }
    return found
  }

  private static func value(of text: String, _ kind: Kind, isSeconds: Bool) -> Value? {
    switch kind {
    case .flag: return text == "true" ? .flag(true) : text == "false" ? .flag(false) : nil
    case .signed: return Int32(withoutType(text)).map { .signed($0) }
    case .number: return UInt64(withoutType(text)).map { .number($0) }
    case .time:
      guard isSeconds else { return UInt64(withoutType(text)).map { .number($0) } }
      if let whole = UInt64(withoutType(text)) {
        let (product, overflow) = whole.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? nil : .number(product)
      }
      return Double(withoutType(text)).flatMap { $0 >= 0 && $0 < 1e12 ? .number(UInt64($0 * 1_000_000)) : nil }
    case .text: return quoted(Substring(text)).map { .text($0) }
    case .texts:
      guard text.hasPrefix("["), text.hasSuffix("]") else { return nil }
      let parts = text.dropFirst().dropLast().split(separator: ",")
      let values = parts.compactMap { quoted($0.trimmed) }
      return values.count == parts.count ? .texts(values) : nil
    }
  }

  /// `uint64 5` and `@t 5` are the number 5.
  private static func withoutType(_ text: String) -> Substring {
    let words = text.split(separator: " ")
    let types = ["byte", "int16", "uint16", "int32", "uint32", "int64", "uint64", "double"]
    guard words.count == 2, types.contains(String(words[0])) || words[0].hasPrefix("@") else { return text[...] }
    return words[1]
  }

  /// A text in quotes, of plain letters: nothing that systemd or a terminal would read otherwise.
  private static func quoted(_ text: Substring) -> String? {
    guard text.utf8.count >= 2, let quote = text.first, quote == "'" || quote == "\"", text.last == quote else {
      return nil
    }
    let inner = text.dropFirst().dropLast()
    guard inner.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }), !inner.contains(quote), !inner.contains("\\") else {
      return nil
    }
    return String(inner)
  }
}

extension Substring {
  fileprivate var trimmed: Substring {
    var text = self
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return text
  }
}
