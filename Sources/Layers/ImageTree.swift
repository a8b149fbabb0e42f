package import Kernel

/// The files of an image as its containers see them, without anything being mounted. Links are not followed.
package struct ImageTree {
  private let layers: LowerView

  /// - Parameter image: resolved, so that its layers are unpacked.
  package init(_ image: Image) { layers = LowerView(image.lowerdirs) }

  /// Where the file lies; nil when there is none.
  package func place(of path: Path) -> Path? { (try? find(path))?.path }

  /// The names in a directory, sorted; none where it is not there.
  package func names(in directory: Path) -> [Path] {
    let view = directory.components.isEmpty ? layers : (try? find(directory))?.below
    return (try? view.map { (view) throws(Fault) in try names(in: view) }) ?? []
  }

  /// Every regular file, with where it lies, in the order of the paths' bytes within each directory.
  package func forEachFile<Failure: Error>(
    _ body: (_ path: Path, _ place: Path) throws(Failure) -> Void
  ) throws(Failure) {
    var directories: [(Path, LowerView)] = [("/", layers)]
    while let (directory, view) = directories.popLast() {
      for name in (try? names(in: view)) ?? [] {
        guard let found = try? view.look(up: name) else { continue }
        let path = directory.appending(name)
        if found.status.kind == .directory { directories.append((path, found.below)) }
        if found.status.kind == .regular { try body(path, found.path) }
      }
    }
  }

  private func find(_ path: Path) throws(Fault) -> LowerView.Found? {
    var view = layers
    var found: LowerView.Found?
    for component in path.components {
      found = try view.look(up: component)
      guard let found else { return nil }
      view = found.below
    }
    return found
  }

  private func names(in view: LowerView) throws(Fault) -> [Path] {
    var names: Set<Path> = []
    for directory in view.directories { names.formUnion(try entries(of: directory).map(\.name)) }
    return names.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
  }
}
