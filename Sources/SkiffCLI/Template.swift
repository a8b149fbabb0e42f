internal import Arguments
internal import JSON
internal import Kernel
internal import Templates

/// What `--format` says: a template of Go's (`Templates`) with what docker adds to it. The word `json` alone is the whole
/// value; after `table` there are columns with headings.
struct Template {
  private let template: TextTemplate
  private var context: TemplateContext

  /// What is wrong with a format, said as the flag's value.
  struct Failure: Error, CustomStringConvertible {
    var description: String
    var hint: String?

    init(_ error: TemplateError) {
      description = "--format: \(error)"
      hint = error.hint
    }
  }

  init(_ format: String, _ context: TemplateContext = .docker) throws(Failure) {
    self.context = context
    // Labels come from images, arguments from whoever made the container. A tab and a new line steer nothing.
    if isTerminal(.standardOutput) {
      self.context.shown = { text in
        text.split(separator: "\t", omittingEmptySubsequences: false).map { printable(String($0)) }.joined(
          separator: "\t")
      }
    }
    do throws(TemplateError) {
      // What a shell passes on as `\t` and `\n` is meant as such.
      template = try TextTemplate(format == "json" ? "{{json .}}" : Template.unescaped(format))
    } catch { throw Failure(error) }
  }

  func text(_ value: JSONValue) throws(Failure) -> String { try text(value, context) }

  private func text(_ value: JSONValue, _ context: TemplateContext) throws(Failure) -> String {
    do throws(TemplateError) { return try template.text(value, context) } catch { throw Failure(error) }
  }

  /// Rows of a list are maps to Go, which writes them by their keys.
  private static func sorted(_ value: JSONValue) -> JSONValue {
    guard case .object(let object) = value else { return value }
    var sorted = JSONObject()
    for key in object.keys.sorted() { sorted[key] = object[key] }
    return .object(sorted)
  }

  /// Outside of {{ }} only: inside, Go itself reads them.
  private static func unescaped(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let character = rest.first {
      if rest.hasPrefix("{{"), let end = rest.firstRange(of: "}}") {
        result += rest[..<end]
        rest = rest[end...]
      } else if rest.hasPrefix("\\t") || rest.hasPrefix("\\n") {
        result += rest.hasPrefix("\\t") ? "\t" : "\n"
        rest = rest.dropFirst(2)
      } else {
        result.append(character)
        rest = rest.dropFirst()
      }
    }
    return result
  }

  /// What `--format` makes of a list: a line each, or after the word `table` columns, cells between tabs, with a heading
  /// for each field.
  static func lines(
    _ format: String, _ values: [JSONValue], headings: KeyValuePairs<String, String>,
    _ context: TemplateContext = .docker
  ) throws(Failure) -> String {
    guard format.hasPrefix("table "), format != "table " else {
      let template = try Template(format, context)
      var text = ""
      for value in values { text += try template.text(format == "json" ? Template.sorted(value) : value) + "\n" }
      return text
    }
    var table = Table()
    var first = JSONObject()
    for (field, heading) in headings { first[field] = .string(heading) }
    // Understood once: a list may have a thousand rows.
    let row = try Template(String(format.drop { $0 != " " }.drop { $0 == " " }), context)
    var heading = row.context
    heading.isHeading = true
    // As docker heads the column of one label.
    heading.methods["Label"] = { _, words in
      let last = words.first?.string?.split(separator: ".").last ?? ""
      return .string(String(last.map { "-_".contains($0) ? " " : $0 }))
    }
    func add(_ text: String) {
      table.add(text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init))
    }
    add(try row.text(.object(first), heading))
    for value in values { add(try row.text(value)) }
    return table.text
  }
}

extension StringProtocol {
  /// The first place of a pattern.
  fileprivate func firstRange(of pattern: String) -> Index? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(pattern) { return start }
      start = index(after: start)
    }
    return nil
  }
}

extension TemplateContext {
  /// What docker's documents hold that JSON does not say of them.
  static let docker: TemplateContext = {
    var context = TemplateContext()
    context.maps = [
      "Annotations", "Attributes", "Containers", "DriverOpts", "ExposedPorts", "ExtraHosts", "Labels", "Networks",
      "Options",
      "PortBindings", "Ports", "Runtimes", "Storage", "StorageOpt", "Sysctls", "Tmpfs", "Volumes",
    ]
    context.optional = ["Annotations", "Health", "Healthcheck", "SizeRw", "SizeRootFs", "ImageManifestDescriptor"]
    context.lists = [
      "Aliases", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps",
      "BlkioWeightDevice", "CapAdd", "CapDrop", "Cmd", "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns",
      "DnsOptions", "DnsSearch", "DNSNames", "Entrypoint", "Env", "ExecIDs", "ExtraHosts", "GroupAdd", "Links",
      "MaskedPaths", "Mounts", "OnBuild", "ReadonlyPaths", "SecondaryIPAddresses", "SecondaryIPv6Addresses",
      "SecurityOpt", "Shell", "Ulimits", "VolumesFrom",
    ]
    return context
  }()

  /// The same with the labels of each row for `.Label "name"`, found by the row's `ID`, which is what a table shows.
  func labelled(_ labels: @escaping @Sendable (JSONValue) -> [String: String]?) -> TemplateContext {
    var context = self
    context.methods["Label"] = { row, words in
      guard let name = words.first?.string else { return "" }
      return .string(labels(row)?[name] ?? "")
    }
    return context
  }
}
