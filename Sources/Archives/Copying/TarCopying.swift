package import Archive
package import Blobs
package import Kernel

/// A tar as it comes, also through a pipe, or compressed by gzip or zstd.
package struct TarSource: ~Copyable {
  private var input: ArchiveInput
  private var reader = TarReader()

  /// - Parameter reader: the command that reads what somebody else has decompressed, for a hint.
  package init(_ file: BorrowedDescriptor, for reader: String) throws(StoreError) {
    input = try ArchiveInput(file, for: reader)
  }

  package mutating func copy(into sink: inout some CopySink & ~Copyable) throws(StoreError) {
    var isFirst = true
    while let block = try input.takeHeader() {
      var event: TarReader.Event
      do throws(ArchiveError) { event = try reader.read(header: block[...]) } catch {
        throw isFirst ? StoreError(.invalid, "this is not a tar archive") : refusal(error)
      }
      isFirst = false
      while case .metadata(let length) = event {
        let bytes = try input.take(length)
        try input.skip(Tar.padding(after: length))
        do throws(ArchiveError) { event = try reader.read(metadata: bytes[...]) } catch { throw refusal(error) }
      }
      if event == .end { break }
      guard case .entry(let entry) = event else { continue }
      var left = entry.storedSize
      try sink.put(entry) { (file, _) throws(StoreError) in
        for extent in entry.sparse ?? [TarExtent(offset: 0, size: entry.size)] where extent.size > 0 {
          if entry.sparse != nil {
            try storing("cannot write \(entry.path.quoted)") { () throws(Fault) in try file.seek(to: extent.offset) }
          }
          var rest = extent.size
          while rest > 0 {
            let piece = try input.take(atMost: rest)
            try storing("cannot write \(entry.path.quoted)") { () throws(Fault) in try file.write(piece) }
            rest -= piece.count
            left -= piece.count
          }
        }
        if entry.sparse != nil {
          try storing("cannot write \(entry.path.quoted)") { () throws(Fault) in try file.truncate(to: entry.size) }
        }
      }
      // What the sink did not want.
      try input.skip(left + Tar.padding(after: entry.storedSize))
    }
    try sink.finish()
    try input.drain()
  }
}

/// Writes a tar, also into a pipe.
package struct TarSink: ~Copyable, CopySink {
  private let file: BorrowedDescriptor
  private let rules: CopyRules
  package var meter: CopyMeter

  package init(_ file: BorrowedDescriptor, _ rules: CopyRules, _ meter: CopyMeter) {
    self.file = file
    self.rules = rules
    self.meter = meter
  }

  package mutating func put(_ entry: TarEntry, _ contents: CopyContents) throws(StoreError) {
    guard let entry = rules.applied(to: entry) else {
      meter.skipped += 1
      return
    }
    try write(entry.headerBlocks())
    if entry.kind == .regular {
      try contents(file, false)
      try write([UInt8](repeating: 0, count: Tar.padding(after: entry.size)))
    }
    meter.count(entry)
  }

  package mutating func finish() throws(StoreError) { try write(Tar.end) }

  /// A reader that has gone is told by the fault alone, as for any other output.
  private func write(_ bytes: [UInt8]) throws(StoreError) {
    try storing("cannot write the archive") { () throws(Fault) in try file.write(bytes) }
  }
}
