internal import Archive
internal import Blobs
internal import ImageSpec
internal import Kernel

/// A tar that is written forward: owners, times and modes say nothing of this machine.
struct ArchiveOutput {
  private let file: BorrowedDescriptor

  init(_ file: BorrowedDescriptor) { self.file = file }

  func add(_ name: String, _ contents: [UInt8]) throws(StoreError) {
    try write(header(name, .regular, size: contents.count)[...])
    try write(contents[...])
    try write([UInt8](repeating: 0, count: Tar.padding(after: contents.count))[...])
  }

  func addDirectory(_ name: String) throws(StoreError) {
    try write(header(name, .directory, size: 0)[...])
  }

  /// A blob of the store, its digest checked on the way.
  func add(_ name: String, _ blob: ContentDescriptor, from store: BlobStore) throws(StoreError) {
    try write(header(name, .regular, size: Int(blob.size))[...])
    try store.copy(blob) { (piece) throws(Fault) in try file.write(piece) }
    try write([UInt8](repeating: 0, count: Tar.padding(after: Int(blob.size)))[...])
  }

  func finish() throws(StoreError) { try write(Tar.end[...]) }

  private func header(_ name: String, _ kind: TarEntry.Kind, size: Int) -> [UInt8] {
    TarEntry(path: Path(name), kind: kind, mode: kind == .directory ? 0o755 : 0o644, size: size).headerBlocks()
  }

  private func write(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
    try storing("cannot write the archive") { () throws(Fault) in try file.write(bytes) }
  }
}
