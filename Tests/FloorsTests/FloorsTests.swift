import Foundation
import Testing

/// The house as it stands in this checkout.
@Suite struct FloorsTests {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func manifest() throws -> Manifest {
    let scratch = FileManager.default.temporaryDirectory.appending(path: "skiff-floors-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: scratch) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    // A scratch directory of its own: the one that `swift test` runs from may be locked by it.
    process.arguments = [
      "swift", "package", "--package-path", root.path, "--scratch-path", scratch.path, "dump-package",
    ]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return try JSONDecoder().decode(Manifest.self, from: data)
  }

  static func sources() throws -> [SourceFile] {
    let folder = root.appending(path: "Sources")
    let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    let isSource = { (path: String) in [".swift", ".c", ".h"].contains { path.hasSuffix($0) } }
    return try paths.filter(isSource).map { path in
      let parts = path.split(separator: "/", maxSplits: 1).map(String.init)
      let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
      return SourceFile(target: parts[0], name: parts[1], text: text)
    }
  }

  @Test func dependenciesLeadDownward() throws {
    let manifest = try Self.manifest()
    #expect(manifest.targets.count > 25)
    #expect(manifest.faults == [])
  }

  @Test func everyFileStaysInsideTheWalls() throws {
    let manifest = try Self.manifest()
    let declared = Dictionary(
      uniqueKeysWithValues: manifest.targets.map { ($0.name, $0.dependencies.map(\.name)) })
    let files = try Self.sources()
    #expect(files.count > 50)
    #expect(Walls.faults(in: files, dependencies: declared) == [])
  }
}

/// Each wall, pushed: a checker that finds nothing anywhere would pass the tests above.
@Suite struct WallsTests {
  static let door = "/// What this is.\n"

  static func faults(_ target: String, _ text: String, may dependencies: [String] = ["Kernel"]) -> [String] {
    Walls.faults(
      in: [SourceFile(target: target, name: target + ".swift", text: text)], dependencies: [target: dependencies])
  }

  @Test(arguments: [
    ("Kernel", "Steps"), ("Steps", "Mounts"), ("Mounts", "Planning"), ("Launching", "Monitoring"),
    ("Mounts", "Cgroups"), ("Rooted", "Mounts"), ("Planning", "Inside"), ("Layers", "Staging"), ("JSON", "Explain"),
    ("Engine", "SkiffCLI"), ("Planning", "CKernel"), ("skiff", "Engine"), ("Engine", "NIO"), ("Layers", "CZlib"),
    ("Kernel", "CZstd"), ("Steps", "Steps"),
    ("SkiffCLI", "AsyncHTTPClient"), ("SkiffCLI", "RegistryClient"), ("RegistryClient", "Foundation"),
    ("skiff-registry", "AsyncHTTPClient"), ("RegistryClient", "CISAL"), ("Compression", "ISAL"),
    ("RegistryClient", "CKernel"),
  ])
  func refusesWaysUpAndSideways(target: String, dependency: String) {
    #expect(!House.allows(target, dependency))
  }

  @Test(arguments: [
    ("Kernel", "CKernel"), ("Compression", "CZlib"), ("Layers", "Compression"), ("Explain", "Steps"),
    ("Mounts", "Rooted"), ("Monitoring", "Planning"),
    ("Engine", "Blobs"), ("Engine", "Kernel"), ("SkiffCLI", "Explain"), ("skiff", "SkiffCLI"),
    ("RegistryClient", "AsyncHTTPClient"), ("RegistryClient", "Layers"), ("RegistryClient", "ISAL"), ("ISAL", "CISAL"),
    ("skiff-registry", "RegistryClient"),
  ])
  func allowsWaysDown(target: String, dependency: String) {
    #expect(House.allows(target, dependency))
  }

  @Test func readsTheManifest() throws {
    let json = """
      {"targets": [
        {"name": "Steps", "type": "regular", "dependencies": [{"byName": ["Engine", null]}]},
        {"name": "Cellar", "type": "regular", "dependencies": []},
        {"name": "Mounts", "type": "regular", "dependencies": [{"product": ["NIO", "swift-nio", null, null]}]},
        {"name": "StepsTests", "type": "test", "dependencies": [{"byName": ["Engine", null]}]}
      ]}
      """
    let manifest = try JSONDecoder().decode(Manifest.self, from: Data(json.utf8))
    #expect(
      manifest.faults == [
        "Steps may not depend on Engine", "Cellar is on no floor", "Mounts may not depend on NIO",
      ])
  }

  @Test(arguments: [
    "internal import Engine", "package import Cgroups", "@preconcurrency import Launching",
    "import struct Engine.Record",
    "import Foundation", "internal import struct Foundation.Data", "import Glibc", "internal import CKernel",
  ])
  func refusesAnImport(line: String) {
    #expect(Self.faults("Mounts", Self.door + line + "\n").count == 1)
  }

  @Test func refusesAnImportThatIsNotDeclared() {
    #expect(Self.faults("Mounts", Self.door + "internal import Rooted\n").count == 1)
    #expect(Self.faults("Mounts", Self.door + "internal import Rooted\n", may: ["Rooted"]) == [])
  }

  @Test(arguments: ["let a = try! b()", "let a = b as! Int", "fatalError(\"\")", "// TODO", "// FIXME: x"])
  func refusesWords(line: String) {
    #expect(Self.faults("Mounts", Self.door + line + "\n").count == 1)
  }

  @Test(arguments: [
    "// try! in a comment", "/* as! /* nested */ fatalError( */", "let a = \"import Foundation try!\"",
    "let a = #\"as! \" as! \"#", "let a = \"\"\"\n  import Foundation\n  \"\"\"", "let imports = 1",
    "let a = \"\\\" try! \"",
  ])
  func readsCodeAsCode(line: String) {
    #expect(Self.faults("Mounts", Self.door + line + "\n") == [])
  }

  @Test func findsCodeAfterALiteral() {
    #expect(Self.faults("Mounts", Self.door + "let a = \"\\\\\"; try! b()\n").count == 1)
  }

  @Test func measuresFiles() {
    let line = "let a = 1\n"
    #expect(Self.faults("Mounts", Self.door + String(repeating: line, count: Walls.maximumLines)).count == 1)
    #expect(Self.faults("Mounts", line) == ["Mounts does not open with a doc comment"])
    let thick = SourceFile(
      target: "CKernel", name: "CKernel.c", text: String(repeating: ";\n", count: Walls.maximumLinesOfC))
    #expect(Walls.faults(in: [thick], dependencies: [:]) == ["CKernel has 300 lines of C"])
  }
}
