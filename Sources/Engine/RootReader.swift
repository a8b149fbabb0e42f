internal import Containers
internal import Kernel
internal import Rooted

/// Reads small files of a root that is not mounted yet: a directory, or layers, where the topmost that has a name wins.
struct RootReader {
  private let layers: [Path]

  init(layers: [Path]) { self.layers = layers }

  /// The file's bytes, empty where there is none. A link that leads from one layer into another is not followed: what it
  /// would show is only known once the layers are mounted.
  func file(_ path: Path, limit: Int) throws(Fault) -> [UInt8] {
    for layer in layers {
      let root = try Root(at: layer)
      do throws(Fault) {
        let found = try root.status(of: path)
        // A whiteout: removed by this layer (overlayfs.rst).
        if found.kind == .characterDevice { return [] }
        // Nothing of the container is mounted yet, so the host's own /proc is as private as any.
        let proc = try PrivateProc(open("/proc", [.path, .directory, .noFollow]))
        return try root.readFile(path, limit: limit, through: proc)
      } catch {
        if error.errno != .noSuchFile && error.errno != .notDirectory { throw error }
      }
    }
    return []
  }
}

extension Engine {
  /// Of a running container: as it sees it, or, where the host cannot see that, as it lies on the disk.
  func rootReader(of record: ContainerRecord, process: ProcessIdentifier) -> RootReader {
    guard record.options.runtime?.hidesProcesses == true, let identifier = ContainerIdentifier(record.identifier) else {
      return RootReader(layers: ["/proc/\(process)/root"])
    }
    if record.lower.isEmpty { return RootReader(layers: [Path(record.rootDirectory)]) }
    return RootReader(layers: [store.files(of: identifier).upper] + record.lower.map { Path($0) })
  }

  func rootReader(of request: RunRequest, _ image: ImageDefaults) -> RootReader {
    switch request.root {
    case .image: RootReader(layers: image.lower)
    case .directory(let path): RootReader(layers: [path])
    }
  }
}
