import Archive
import Foundation
import Kernel

struct Listed: Equatable {
  var entry: TarEntry
  var contents: [UInt8]
}

/// All entries of an archive in memory, as a caller of TarReader walks it.
func list(_ bytes: [UInt8], limits: TarLimits = .standard) throws(ArchiveError) -> [Listed] {
  var reader = TarReader(limits: limits)
  var rest = bytes[...]
  func take(_ count: Int) throws(ArchiveError) -> ArraySlice<UInt8> {
    guard count <= rest.count else { throw ArchiveError("cut short") }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }
  var found: [Listed] = []
  while !rest.isEmpty {
    var event = try reader.read(header: try take(Tar.blockSize))
    while case .metadata(let length) = event {
      let bytes = try take(length)
      _ = try take(Tar.padding(after: length))
      event = try reader.read(metadata: bytes)
    }
    switch event {
    case .nothing, .metadata: continue
    case .end: return found
    case .entry(let entry):
      found.append(Listed(entry: entry, contents: Array(try take(entry.storedSize))))
      _ = try take(Tar.padding(after: entry.storedSize))
    }
  }
  return found
}

/// An archive of these entries.
func archive(_ entries: [(TarEntry, [UInt8])]) -> [UInt8] {
  var bytes: [UInt8] = []
  for (entry, contents) in entries {
    bytes += entry.headerBlocks() + contents + [UInt8](repeating: 0, count: Tar.padding(after: contents.count))
  }
  return bytes + Tar.end
}

func run(_ arguments: String..., in directory: URL? = nil) throws -> (status: Int32, output: String) {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = arguments
  process.currentDirectoryURL = directory
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = pipe
  try process.run()
  let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}

/// A directory that is gone afterwards.
func withScratch<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let directory = FileManager.default.temporaryDirectory.appending(path: "skiff-archive-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  return try body(directory)
}
