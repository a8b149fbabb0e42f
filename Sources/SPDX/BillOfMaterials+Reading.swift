package import JSON

// Read back to add to: an image that is staged upon keeps what was known of it. Only bills of this program's making are
// understood; of any other document the parts that are missing are missing.

extension BillOfMaterials: JSONReadable {
  package static var jsonLimits: JSONLimits { JSONLimits(length: 256 << 20, depth: 16, values: 20_000_000) }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(name: "", namespace: "", created: "", tool: "", files: [])
    var packages: [String: Package] = [:]
    var files: [String: File] = [:]
    var relationships: [Relationship] = []
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "name": name = try reader.string()
      case "documentNamespace": namespace = try reader.string()
      case "creationInfo":
        let making: Making = try reader.value()
        (created, tool) = (making.created, making.tool)
      case "packages":
        for element: ReadPackage in try reader.list() { packages[element.identifier] = element.package }
      case "files":
        for element: ReadFile in try reader.list() { files[element.identifier] = element.file }
      case "relationships": relationships = try reader.list()
      default: try reader.skip()
      }
    }
    for relation in relationships where relation.type == "CONTAINS" {
      if let package = packages[relation.element] { files[relation.other]?.package = package }
    }
    self.files = files.values.sorted { $0.path < $1.path }
  }

  private struct Making: JSONReadable {
    var (created, tool) = ("", "")

    init(from reader: inout JSONReader) throws(JSONError) {
      let mark = "Tool: "
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "created": created = try reader.string()
        case "creators": tool = String(try reader.strings().first { $0.hasPrefix(mark) }?.dropFirst(mark.count) ?? "")
        default: try reader.skip()
        }
      }
    }
  }

  private struct Relationship: JSONReadable {
    var (element, type, other) = ("", "", "")

    init(from reader: inout JSONReader) throws(JSONError) {
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "spdxElementId": element = try reader.string()
        case "relationshipType": type = try reader.string()
        case "relatedSpdxElement": other = try reader.string()
        default: try reader.skip()
        }
      }
    }
  }

  private struct ReadFile: JSONReadable {
    var identifier = ""
    var file = File(path: "", sha1: "", sha256: "")

    init(from reader: inout JSONReader) throws(JSONError) {
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "SPDXID": identifier = try reader.string()
        case "fileName": file.path = String(try reader.string().drop { $0 == "." })
        case "checksums":
          for checksum: Checksum in try reader.list() {
            if checksum.algorithm == "SHA1" { file.sha1 = checksum.value }
            if checksum.algorithm == "SHA256" { file.sha256 = checksum.value }
          }
        default: try reader.skip()
        }
      }
    }
  }

  private struct Checksum: JSONReadable {
    var (algorithm, value) = ("", "")

    init(from reader: inout JSONReader) throws(JSONError) {
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "algorithm": algorithm = try reader.string()
        case "checksumValue": value = try reader.string()
        default: try reader.skip()
        }
      }
    }
  }

  private struct ReadPackage: JSONReadable {
    var identifier = ""
    /// Nil for the image itself, which no package manager knows.
    var package: Package?

    init(from reader: inout JSONReader) throws(JSONError) {
      var supplier: String?
      var references: [Reference] = []
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "SPDXID": identifier = try reader.string()
        case "supplier": supplier = try reader.string()
        case "externalRefs": references = try reader.list()
        default: try reader.skip()
        }
      }
      package = references.lazy.compactMap { Package(url: $0.locator) }.first
      let mark = "Organization: "
      if let supplier, supplier.hasPrefix(mark) { package?.supplier = String(supplier.dropFirst(mark.count)) }
    }
  }

  private struct Reference: JSONReadable {
    var locator = ""

    init(from reader: inout JSONReader) throws(JSONError) {
      try reader.beginObject()
      while let key = try reader.nextMember() {
        if key == "referenceLocator" { locator = try reader.string() } else { try reader.skip() }
      }
    }
  }
}

extension BillOfMaterials.Package {
  /// `pkg:deb/debian/bash@5.2.15-2?arch=amd64&upstream=…`; nil for any other form.
  init?(url: String) {
    let halves = url.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count == 2, parts.count == 3, parts[0].hasPrefix("pkg:"),
      let manager = Manager(rawValue: String(parts[0].dropFirst(4))),
      let at = parts[2].firstIndex(of: "@")
    else { return nil }
    self.init(
      manager, name: Self.plain(parts[2][..<at]), version: Self.plain(parts[2][parts[2].index(after: at)...]),
      architecture: "", distribution: Self.plain(parts[1]))
    for word in halves[1].split(separator: "&") {
      let pair = word.split(separator: "=", maxSplits: 1)
      guard pair.count == 2 else { continue }
      if pair[0] == "arch" { architecture = Self.plain(pair[1]) }
      if pair[0] == "upstream" { source = Self.plain(pair[1]) }
    }
  }

  private static func plain(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
