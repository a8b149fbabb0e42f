internal import Blobs
internal import ImageSpec
internal import Kernel

/// A directory for a tree that is not yet, or no longer, a layer. Its maker holds the lock of it; dropped, it is removed.
struct WorkDirectory: ~Copyable, Sendable {
  let path: Path
  private let lock: Descriptor

  init(in parent: Path) throws(StoreError) {
    do throws(Fault) {
      for attempt in 1... {
        let path = parent.appending("\(processIdentifier()).\(monotonicNanoseconds()).\(attempt)")
        do throws(Fault) { try makeDirectory(path, mode: 0o700) } catch {
          if error.errno == .exists && attempt < 1000 { continue }
          throw error
        }
        // Healing may have taken it away between the two calls; then it is made again.
        guard let lock = try? open(path, [.readOnly, .directory, .noFollow]),
          try lock.borrowed.tryLock(.exclusive), exists(path)
        else { continue }
        self.path = path
        self.lock = lock
        return
      }
      throw Fault("mkdir", .exists, arguments: parent.quoted)
    } catch { throw StoreError("cannot make a layer", error) }
  }

  deinit { try? removeTree(path) }

  /// Writes down which layer's tree is about to come from there or to go there.
  static func mark(_ directory: Path, with diffID: Digest) throws(Fault) {
    do throws(Fault) { try makeSymbolicLink(directory.appending(".\(diffID.hex)"), to: "layer") } catch {
      if error.errno != .exists { throw error }
    }
  }

  /// Removes what makers that died left behind.
  ///
  /// - Parameter settle: told of a layer whose tree may be on its way.
  static func heal(_ parent: Path, settle: (Digest) -> Void) {
    forEachLeftover(in: parent) { directory in
      for entry in (try? entries(of: directory)) ?? [] where entry.kind == .symbolicLink {
        if let diffID = Digest(hex: String(entry.name.string.dropFirst())) { settle(diffID) }
      }
      try? removeTree(directory)
    }
  }
}
