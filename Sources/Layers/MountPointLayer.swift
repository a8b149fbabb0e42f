package import Blobs
package import Kernel

extension LayerStore {
  /// The tree of empty files and directories below the layers of every container: where each has something mounted over, and
  /// most images have nothing. From there they need not be made in the container's own upper directory and be removed again,
  /// half a millisecond of every run; and lying lowest, they hide nothing of an image.
  ///
  /// - Parameter root: of the store.
  package static func mountPointLayer(in root: Path) -> Path { root.appending("layers/.mountpoints") }

  /// Makes it where it is missing. Without it a container runs all the same.
  package func makeMountPointLayer(directories: [Path], files: [Path]) throws(StoreError) {
    let place = layers.appending(".mountpoints")
    guard !exists(place) else { return }
    let directory = try WorkDirectory(in: work)
    try storing("cannot make \(place)") { () throws(Fault) in
      let tree = directory.path.appending("tree")
      func make(directory path: Path) throws(Fault) {
        try makeDirectories(path, mode: 0o755)
        try setMode(of: path, to: 0o755)
      }
      try make(directory: tree)
      for path in directories { try make(directory: tree.appending(path)) }
      for path in files {
        let file = tree.appending(path)
        try make(directory: file.parent)
        try makeNode(file, kind: .regular, mode: 0o644)
        try setMode(of: file, to: 0o644)
      }
      do throws(Fault) { try rename(tree, to: place, .noReplace) } catch {
        // Somebody was faster.
        if error.errno != .exists { throw error }
      }
    }
  }
}
