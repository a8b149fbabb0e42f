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
    guard var event = try? reader.read(header: rest.prefix(Tar.blockSize)) else { return }
    rest = rest.dropFirst(Tar.blockSize)
    while case .metadata(let length) = event {
      precondition(length >= 0 && length <= limits.metadataLength)
      guard length <= rest.count, let next = try? reader.read(metadata: rest.prefix(length)) else { return }
      guard skip(length), skip(Tar.padding(after: length)) else { return }
      event = next
    }
    switch event {
    case .nothing, .metadata: continue
    case .end: return
    case .entry(let entry):
      precondition(!entry.path.isEmpty && entry.path.bytes.count <= limits.pathLength && entry.size >= 0)
      precondition(entry.attributes.count <= limits.attributes)
      total += entry.storedSize
      precondition(total <= limits.totalSize && entry.size <= limits.totalSize)
      expectOrder(of: entry)
      _ = entry.path.components.last.flatMap { try? Whiteout(name: $0) }
      // A writer of ours makes no sparse files.
      if entry.sparse == nil { expectSameAgain(entry) }
      guard skip(entry.storedSize), skip(Tar.padding(after: entry.storedSize)) else { return }
    }
  }
}

/// The parts of a sparse file follow one another inside of it.
private func expectOrder(of entry: TarEntry) {
  var end = 0
  for extent in entry.sparse ?? [] {
    precondition(extent.offset >= end && extent.size >= 0)
    end = extent.offset + extent.size
  }
  precondition(entry.sparse == nil || end <= entry.size)
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
