// libFuzzer's way into the tar reader, driven as the unpacker of layers drives it: Fuzz/run Archive.
// The same properties are held on bounded, deterministic mutations by Tests/ArchiveTests/TarReaderTests.swift.
@testable import Archive
import Kernel

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  read(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}

private func read(_ archive: [UInt8]) {
  var limits = TarLimits()
  limits.entries = 1000
  var reader = TarReader(limits: limits)
  var rest = archive[...]
  var total = 0
  func skip(_ count: Int) -> Bool {
    guard count >= 0, count <= rest.count else { return false }
    rest = rest.dropFirst(count)
    return true
  }
  while rest.count >= Tar.blockSize {
    guard let event = try? reader.read(header: rest.prefix(Tar.blockSize)) else { return }
    rest = rest.dropFirst(Tar.blockSize)
    switch event {
    case .nothing: continue
    case .end: return
    case .metadata(let length):
      precondition(length >= 0 && length <= limits.metadataLength)
      guard length <= rest.count, (try? reader.read(metadata: rest.prefix(length))) != nil else { return }
      guard skip(length), skip(Tar.padding(after: length)) else { return }
    case .entry(let entry):
      precondition(!entry.path.isEmpty && entry.path.bytes.count <= limits.pathLength && entry.size >= 0)
      precondition(entry.attributes.count <= limits.attributes)
      total += entry.size
      precondition(total <= limits.totalSize)
      _ = entry.path.components.last.flatMap { try? Whiteout(name: $0) }
      expectSameAgain(entry)
      guard skip(entry.size), skip(Tar.padding(after: entry.size)) else { return }
    }
  }
}

/// What was read can be written, and reads the same.
private func expectSameAgain(_ entry: TarEntry) {
  var reader = TarReader()
  var rest = entry.headerBlocks()[...]
  while !rest.isEmpty {
    guard let event = try? reader.read(header: rest.prefix(Tar.blockSize)) else { preconditionFailure("\(entry)") }
    rest = rest.dropFirst(Tar.blockSize)
    if case .metadata(let length) = event {
      guard (try? reader.read(metadata: rest.prefix(length))) != nil else { return }
      rest = rest.dropFirst(length + Tar.padding(after: length))
    }
    guard case .entry(var again) = event else { continue }
    // A directory's name ends in a slash, as every tar writes it.
    if again.kind == .directory { again.path = entry.path }
    precondition(again == entry, "\(again) is not \(entry)")
  }
}
