import ELF
import Foundation
import Kernel
import Staging
import Steps
import Testing

let isRoot = effectiveUser() == 0

/// A directory that goes away with the value.
final class Scratch {
  let path: Path
  init() throws {
    path = Path(FileManager.default.temporaryDirectory.appending(path: "skiff-\(UUID().uuidString)").path)
    try makeDirectories(path, mode: 0o755)
  }
  deinit { try? removeTree(path) }

  subscript(_ name: Path) -> Path { path.appending(name) }

  func write(_ name: Path, _ contents: [UInt8], mode: FileMode = 0o755) throws {
    try makeDirectories(self[name].parent, mode: 0o755)
    try replaceFile(self[name], with: contents, mode: mode, durable: false)
    try setMode(of: self[name], to: mode)
  }
  func write(_ name: Path, _ contents: String, mode: FileMode = 0o755) throws {
    try write(name, Array(contents.utf8), mode: mode)
  }

  /// Every name below, with what it is and, for files, what is in it: two trees with equal lists are equal.
  func listing(_ below: Path = ".") throws -> [String] { try Self.list(self[below], "") }

  private static func list(_ directory: Path, _ prefix: String) throws -> [String] {
    try entries(of: directory).sorted { $0.name.string < $1.name.string }.flatMap { entry -> [String] in
      let path = directory.appending(entry.name)
      let facts = try status(of: path, followLinks: false)
      let name = prefix + "/" + entry.name.string
      switch facts.kind {
      case .directory: return ["\(name)/ \(facts.mode.octal)"] + (try list(path, name))
      case .symbolicLink: return ["\(name) -> \(try readSymbolicLink(path))"]
      default:
        let bytes = try readFile(path, limit: 1 << 28)
        return ["\(name) \(facts.mode.octal) \(bytes.count) \(bytes.hashValue)"]
      }
    }
  }
}

struct Outcome {
  var output: String
  var errors: String
  var code: Int32
}

func run(
  _ words: [String], environment: [String: String] = ["LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
)
  throws -> Outcome
{
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = words
  process.environment = environment
  let (output, errors) = (Pipe(), Pipe())
  process.standardOutput = output
  process.standardError = errors
  process.standardInput = FileHandle.nullDevice
  try process.run()
  let text = output.fileHandleForReading.readDataToEndOfFile()
  let complaint = errors.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return Outcome(
    output: String(decoding: text, as: UTF8.self), errors: String(decoding: complaint, as: UTF8.self),
    code: process.terminationStatus)
}

/// realpath(3): Foundation's own resolution stops at links of the root directory.
func resolved(_ path: String) -> String {
  guard let found = unsafe realpath(path, nil) else { return path }
  defer { unsafe free(found) }
  return unsafe String(cString: found)
}

extension StageRequest {
  init(_ programs: String..., into directory: Path, extras: StageExtras = []) {
    self.init(programs: programs.map { Path($0) }, directory: directory)
    self.extras = extras
    searchPath = ["/usr/local/bin", "/usr/bin", "/bin"]
  }
}

extension StagePlan {
  func file(_ path: Path) -> StagedFile? { files.first { $0.path == path } }
  func file(named name: String) -> StagedFile? { files.first { $0.path.name == name && $0.kind == .file } }
}

func failure(_ body: () throws -> Void) -> StageFailure? {
  do {
    try body()
    return nil
  } catch { return error as? StageFailure }
}
