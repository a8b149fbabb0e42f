/// A device by the name that a CDI file gives it: `vendor.com/class=name` (Container Device Interface, SPEC.md).
package struct NamedDevice: Hashable, Sendable, CustomStringConvertible {
  /// `vendor.com/class`.
  package var kind: String
  package var name: String

  package init(kind: String, name: String) {
    self.kind = kind
    self.name = name
  }

  /// Nil for a path of the host.
  package init?(_ text: String) {
    guard !text.hasPrefix("/"), let equals = text.firstIndex(of: "=") else { return nil }
    let kind = text[..<equals]
    let parts = kind.split(separator: "/", omittingEmptySubsequences: false)
    let name = text[text.index(after: equals)...]
    guard parts.count == 2, !parts.contains(""), !name.isEmpty else { return nil }
    self.init(kind: String(kind), name: String(name))
  }

  package var description: String { "\(kind)=\(name)" }

  /// `--gpus`: `all`, how many, or docker's list `device=0,driver=nvidia`, with quotes around a value that has commas.
  package static func gpus(_ text: String) throws(OptionError) -> [NamedDevice] {
    var (driver, names) = ("nvidia", [] as [String])
    for field in fields(of: text) {
      let key = field.prefix { $0 != "=" }
      let value = field.dropFirst(key.count + 1)
      switch key {
      case _ where key.count == field.count: names += try counted(String(field))
      case "count": names += try counted(String(value))
      case "device": names += value.split(separator: ",").map(String.init)
      case "driver": driver = String(value)
      // Files of CDI say what comes with a device, and give all of it.
      case "capabilities": break
      default: throw OptionError("\"\(key)\" is none of count, device, driver and capabilities")
      }
    }
    guard !names.isEmpty else { throw OptionError("expected all, a number, or device=ID") }
    if driver == "cdi" {
      return try names.map { (name) throws(OptionError) in
        guard let device = NamedDevice(name) else { throw OptionError("\"\(name)\" is not VENDOR/CLASS=NAME") }
        return device
      }
    }
    return names.map { NamedDevice(kind: "\(driver).com/gpu", name: $0) }
  }

  private static func counted(_ text: String) throws(OptionError) -> [String] {
    if text == "all" || text == "-1" { return ["all"] }
    guard let count = Int(text), (1...64).contains(count) else {
      throw OptionError("expected all, a number of GPUs, or device=ID")
    }
    return (0..<count).map(String.init)
  }

  private static func fields(of text: String) -> [String] {
    var fields = [""]
    var isQuoted = false
    for character in text {
      if character == "\"" {
        isQuoted.toggle()
      } else if character == ",", !isQuoted {
        fields.append("")
      } else {
        fields[fields.count - 1].append(character)
      }
    }
    return fields
  }
}
