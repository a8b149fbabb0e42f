import Foundation

/// The house as docs/architecture.md draws it, and what a visitor finds wrong with it.
struct House {
  /// From the ground up. A target may depend on any target of a lower floor.
  static let floors: [[String]] = [
    ["CKernel", "CSHA256", "CZlib", "CZstd", "CISAL"],
    ["Kernel"],
    [
      "JSON", "RuntimeSpec", "ImageSpec", "Hashing", "SPDX", "DNS", "TOML", "YAML", "Archive", "Compression", "ISAL",
      "ELF", "Arguments", "Templates", "Steps", "Explain",
    ],
    [
      "Rooted", "Mounts", "Cgroups", "DBus", "Systemd", "Netlink", "Firewall", "CNI", "Seccomp", "Privileges",
      "Terminals",
    ],
    ["Planning", "Inside", "Launching", "Rootless", "Containers", "Journal", "Resolving", "Monitoring"],
    ["Blobs", "Layers", "Archives", "Staging", "Networks", "Volumes", "Engine", "OCIRuntime", "RegistryRequests"],
    ["RuntimeCLI", "SkiffCLI", "RegistryClient"],
    ["skiff", "skiff-registry"],
  ]

  /// What comes from other packages or from the library of Swift's concurrency, and who alone may import it.
  static let foreign: [String: Set<String>] = [
    "RegistryClient": ["AsyncHTTPClient", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL", "Synchronization"]
  ]

  /// The only ways sideways: each name may depend on those before it in its own row.
  static let arrows: [[String]] = [
    ["JSON", "RuntimeSpec"], ["JSON", "ImageSpec"], ["JSON", "YAML"], ["JSON", "SPDX"], ["Hashing", "SPDX"],
    ["Steps", "Explain"],
    ["JSON", "Explain"],
    ["JSON", "Templates"], ["Arguments", "Templates"],
    ["Compression", "ISAL"],
    ["Rooted", "Mounts"], ["Cgroups", "Systemd"], ["DBus", "Systemd"], ["Netlink", "Firewall"],
    ["Planning", "Inside", "Launching", "Containers", "Monitoring"], ["Resolving", "Monitoring"],
    ["Launching", "Rootless"],
    ["Blobs", "Layers", "Archives", "Engine"], ["Blobs", "Layers", "Staging", "Engine"], ["Networks", "Engine"],
    ["Volumes", "Engine"],
    ["RuntimeCLI", "SkiffCLI"],
  ]

  /// Who alone may import each target in C.
  static let doors = [
    "CKernel": "Kernel", "CSHA256": "Hashing", "CZlib": "Compression", "CZstd": "Compression", "CISAL": "ISAL",
  ]

  static func floor(of target: String) -> Int? { floors.firstIndex { $0.contains(target) } }

  static func allows(_ target: String, _ dependency: String) -> Bool {
    if foreign[target]?.contains(dependency) == true { return true }
    guard let own = floor(of: target), let other = floor(of: dependency) else { return false }
    // C is behind one door each, and main.swift only calls the commands.
    if other == 0 { return doors[dependency] == target }
    if target == "skiff" { return dependency == "SkiffCLI" }
    if target == "skiff-registry" { return ["RegistryClient", "Kernel"].contains(dependency) }
    if other != own { return other < own }
    return arrows.contains { row in
      guard let mine = row.firstIndex(of: target), let theirs = row.firstIndex(of: dependency) else { return false }
      return theirs < mine
    }
  }
}

// MARK: - The manifest

/// What `swift package dump-package` says, as far as it matters here.
struct Manifest: Decodable {
  struct Target: Decodable {
    struct Dependency: Decodable {
      let name: String

      init(from decoder: any Decoder) throws {
        // {"byName": ["Kernel", null]}, {"target": […]} or, for another package's, {"product": […]}.
        let kinds = try decoder.singleValueContainer().decode([String: [AnyName?]].self)
        name = kinds.values.first?.first??.text ?? ""
      }
    }
    let name: String
    let type: String
    let dependencies: [Dependency]
  }
  /// A string, or something else that is no name.
  struct AnyName: Decodable {
    let text: String?
    init(from decoder: any Decoder) throws { text = try? decoder.singleValueContainer().decode(String.self) }
  }
  let targets: [Target]

  /// Each declared dependency that leads upward, or sideways where no arrow is drawn.
  var faults: [String] {
    targets.filter { $0.type != "test" }.flatMap { target in
      guard House.floor(of: target.name) != nil else { return ["\(target.name) is on no floor"] }
      return target.dependencies.filter { !House.allows(target.name, $0.name) }
        .map { "\(target.name) may not depend on \($0.name)" }
    }
  }
}

// MARK: - The sources

/// One file under Sources.
struct SourceFile {
  let target: String
  let name: String
  let text: String

  var isSwift: Bool { name.hasSuffix(".swift") }
  var title: String { "\(target)/\(name)" }
  var lineCount: Int { text.utf8.reduce(0) { $0 + ($1 == 10 ? 1 : 0) } }

  /// The modules that the file imports, whatever stands before the word.
  var imports: [String] {
    code.split(separator: "\n").compactMap { line in
      let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
      guard let index = words.firstIndex(of: "import"), index + 1 < words.count, index <= 2 else { return nil }
      guard words[..<index].allSatisfy({ $0.hasPrefix("@") || ["internal", "package", "public"].contains($0) })
      else { return nil }
      // `import struct Foundation.Data` imports Foundation as much.
      let kinds = ["struct", "class", "enum", "func", "typealias", "protocol", "let", "var"]
      let name = kinds.contains(words[index + 1]) && index + 2 < words.count ? words[index + 2] : words[index + 1]
      return name.split(separator: ".").first.map(String.init)
    }
  }

  /// The text with the insides of comments and string literals taken out, lines kept.
  var code: String {
    // Bytes: by characters, the whole house would take ten seconds.
    let bytes = Array(text.utf8)
    var kept: [UInt8] = []
    var index = 0
    var depth = 0
    func starts(_ word: StaticString, _ at: Int) -> Bool {
      let count = word.utf8CodeUnitCount
      return at + count <= bytes.count && word.withUTF8Buffer { $0.elementsEqual(bytes[at..<at + count]) }
    }
    while index < bytes.count {
      if starts("/*", index) {
        depth += 1
        index += 2
      } else if depth > 0, starts("*/", index) {
        depth -= 1
        index += 2
      } else if depth > 0 {
        if bytes[index] == 10 { kept.append(10) }
        index += 1
      } else if starts("//", index) {
        while index < bytes.count, bytes[index] != 10 { index += 1 }
      } else if let end = Self.endOfLiteral(in: bytes, from: index) {
        kept += [0x22] + bytes[index..<end].filter { $0 == 10 } + [0x22]
        index = end
      } else {
        kept.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: kept, as: UTF8.self)
  }

  /// Where the string literal that starts here ends, raw and multi-line ones included.
  private static func endOfLiteral(in bytes: [UInt8], from start: Int) -> Int? {
    let (quote, hash, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "#"), UInt8(ascii: "\\"))
    guard bytes[start] == quote || bytes[start] == hash else { return nil }
    let hashes = bytes[start...].prefix { $0 == hash }.count
    let quotes = bytes[(start + hashes)...].prefix { $0 == quote }.count
    guard quotes > 0 else { return nil }
    // Two quotes are an empty literal, three or more open a multi-line one.
    let width = quotes >= 3 ? 3 : 1
    let end = Array(repeating: quote, count: width) + Array(repeating: hash, count: hashes)
    let escape = [backslash] + Array(repeating: hash, count: hashes)
    var index = start + hashes + width
    while index < bytes.count {
      if bytes[index...].starts(with: end) { return index + end.count }
      index += bytes[index...].starts(with: escape) ? escape.count + 1 : 1
    }
    return bytes.count
  }
}

/// The walls: what a reviewer would refuse in any file.
struct Walls {
  static let maximumLines = 500
  static let maximumLinesOfC = 300
  /// Words that no code here may hold, and why.
  static let forbidden: [(word: String, reason: String)] = [
    ("try!", "input would crash it"), ("as!", "input would crash it"), ("fatalError(", "input would crash it"),
  ]
  /// Words that not even a comment may hold.
  static let unfinished = ["TODO", "FIXME"]
  static let foundations = ["Foundation", "FoundationEssentials", "Dispatch"]
  static let systemModules = ["Glibc", "Musl", "CKernel"]

  /// - Parameter dependencies: what Package.swift declares for each target.
  static func faults(in files: [SourceFile], dependencies: [String: [String]]) -> [String] {
    files.flatMap { faults(in: $0, dependencies: dependencies[$0.target] ?? []) } + missingDoors(files)
  }

  private static func faults(in file: SourceFile, dependencies: [String]) -> [String] {
    var found: [String] = []
    if file.lineCount > maximumLines { found.append("\(file.title) has \(file.lineCount) lines") }
    for word in unfinished where file.text.contains(word) { found.append("\(file.title) holds \(word)") }
    guard file.isSwift else { return found }
    let code = file.code
    for (word, reason) in forbidden where code.contains(word) { found.append("\(file.title) holds \(word): \(reason)") }
    for module in file.imports {
      if foundations.contains(module) {
        found.append("\(file.title) imports \(module), which costs more than a container's start")
      } else if systemModules.contains(module) {
        if file.target != "Kernel" { found.append("\(file.title) imports \(module) past Kernel") }
      } else if House.foreign[file.target]?.contains(module) == true {
        continue
      } else if !dependencies.contains(module) || !House.allows(file.target, module) {
        found.append("\(file.title) imports \(module), which is not below it")
      }
    }
    return found
  }

  /// The file named after its target (or main.swift) opens with a doc comment, imports aside; the C floor stays thin.
  private static func missingDoors(_ files: [SourceFile]) -> [String] {
    var found: [String] = []
    for (target, files) in Dictionary(grouping: files, by: \.target).sorted(by: { $0.key < $1.key }) {
      if files.contains(where: \.isSwift) {
        let door = files.first { $0.name == target + ".swift" || $0.name == "main.swift" }
        let first = door?.text.split(separator: "\n").first { !$0.contains("import ") }
        if first?.hasPrefix("///") != true { found.append("\(target) does not open with a doc comment") }
      } else {
        let count = files.reduce(0) { $0 + $1.lineCount }
        if count >= maximumLinesOfC { found.append("\(target) has \(count) lines of C") }
      }
    }
    return found
  }
}
