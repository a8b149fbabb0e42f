internal import Archive
internal import Blobs
internal import Kernel

/// The bytes of a tar, read forward.
protocol TarInput: ~Copyable {
  /// The next block, or nil where the archive stops without the two empty blocks that should end it: some writers leave
  /// them out.
  mutating func takeHeader() throws(StoreError) -> [UInt8]?
  /// Exactly `count`.
  mutating func take(_ count: Int) throws(StoreError) -> [UInt8]
  mutating func skip(_ count: Int) throws(StoreError)
}

/// The entries of an archive of images.
struct ArchiveEntries {
  private var reader = TarReader()
  private var isFirst = true

  /// The next entry, whose contents and padding the caller takes or passes over; nil at the end.
  mutating func next(from input: inout some TarInput & ~Copyable) throws(StoreError) -> TarEntry? {
    while let block = try header(from: &input) {
      var event: TarReader.Event
      do throws(ArchiveError) { event = try reader.read(header: block[...]) } catch {
        throw isFirst ? Self.noArchive : refusal(error)
      }
      isFirst = false
      while case .metadata(let length) = event {
        let bytes = try input.take(length)
        try input.skip(Tar.padding(after: length))
        do throws(ArchiveError) { event = try reader.read(metadata: bytes[...]) } catch { throw refusal(error) }
      }
      switch event {
      case .nothing, .metadata: continue
      case .end: return nil
      case .entry(let entry):
        if entry.sparse != nil {
          throw refusal(ArchiveError("a sparse file, which no image archive holds", entry: entry.path))
        }
        return entry
      }
    }
    return nil
  }

  private func header(from input: inout some TarInput & ~Copyable) throws(StoreError) -> [UInt8]? {
    guard isFirst else { return try input.takeHeader() }
    // What is shorter than one header is no archive that was cut.
    do throws(StoreError) { return try input.takeHeader() } catch {
      throw error.kind == .invalid && error.message == archiveIsCut.message ? Self.noArchive : error
    }
  }

  static let noArchive = StoreError(
    .invalid, "this is not an archive of images",
    hint: "docker-archive and oci-archive are read, also compressed by gzip or zstd, and OCI layouts in directories: "
      + "docker save, podman save, skopeo copy and skiff save write them")
}

let archiveIsCut = StoreError(.invalid, "the archive ends in the middle of a file")

func refusal(_ error: ArchiveError) -> StoreError { StoreError(.invalid, "the archive is refused: \(error)") }
