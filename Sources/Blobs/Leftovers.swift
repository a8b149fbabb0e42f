package import Kernel

/// Hands out what in a directory of unfinished work has lost its maker: who makes something there holds the lock of it. It is
/// held while `body` runs, so that no other healer is at it.
package func forEachLeftover(in directory: Path, _ body: (Path) -> Void) {
  for entry in (try? entries(of: directory)) ?? [] {
    let path = directory.appending(entry.name)
    guard let file = try? open(path, [.readOnly, .noFollow]) else { continue }
    if (try? file.borrowed.tryLock(.exclusive)) == true { body(path) }
  }
}

extension BlobStore {
  /// Bytes of what writers that died left behind, and of blobs that wait to be fetched to their end.
  package func leftovers(_ meter: inout DiskMeter) -> Int64 {
    let before = meter.total
    forEachLeftover(in: root.appending("ingest")) { meter.add($0) }
    countParts(&meter)
    return meter.total - before
  }
}
