internal import Blobs
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

  /// Removes what makers that died left behind.
  static func heal(_ parent: Path) {
    for entry in (try? entries(of: parent)) ?? [] {
      let path = parent.appending(entry.name)
      guard let directory = try? open(path, [.readOnly, .directory, .noFollow]) else { continue }
      if (try? directory.borrowed.tryLock(.exclusive)) == true { try? removeTree(path) }
    }
  }
}
