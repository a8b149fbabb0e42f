package import Blobs
package import ImageSpec
package import Kernel
package import Layers

extension ImageStore {
  /// An image of one layer from a root file system in a tar.
  ///
  /// - Parameters:
  ///   - file: also a pipe.
  ///   - comment: of the one step in its history.
  ///   - kept: as for `load`.
  package func importRoot(
    tar file: BorrowedDescriptor, as reference: Reference?, _ config: ImageConfig, comment: String,
    keeping kept: (() -> Set<Digest>)?
  ) throws(StoreError) -> Image {
    try takingOver(keeping: kept) { () throws(StoreError) in
      var input = try ArchiveInput(file, for: "skiff import -")
      var intake = try LayerIntake(into: self)
      while let piece = try input.takeAny() { try intake.write(piece) }
      let layer = try intake.finish().blob
      var config = config
      config.created = config.created ?? now().rfc3339
      config.diffIDs = [layer.digest]
      config.history = [ImageConfig.History(created: config.created, comment: comment)]
      return try publish(config, layers: [layer], as: reference)
    }
  }

  /// Writes a merged tree as one tar, as `docker export` does.
  ///
  /// - Parameter lowers: its layers, topmost first.
  package func exportRoot(_ lowers: [Path], to file: BorrowedDescriptor) throws(StoreError) {
    let spool = try Spool(store: blobs)
    let packed = try layers.pack(view: lowers, in: spool, of: blobs)
    let tar = try spool.open(packed)
    try storing("cannot write the archive") { () throws(Fault) in
      var buffer = [UInt8](repeating: 0, count: 1 << 18)
      while true {
        let count = try tar.borrowed.read(into: &buffer)
        if count == 0 { return }
        try file.write(buffer[..<count])
      }
    }
  }
}
