internal import Kernel

/// Where a walk stands in both trees, and what is left of it.
struct PlaceWalk {
  private enum Item {
    case name(Path)
    /// The host knows the directory that a link led to by this name.
    case source(Path)
  }
  private var rest: [Item]
  private var links = 0
  /// In the new root, links resolved.
  var here: Path = "/"
  /// The same place as the host knows it.
  var source: Path = "/"

  init(_ path: Path) { rest = path.components.reversed().map { .name($0) } }

  var isLast: Bool {
    !rest.contains { item in
      if case .name = item { true } else { false }
    }
  }

  mutating func next() -> Path? {
    while let item = rest.popLast() {
      switch item {
      case .source(let path): source = path
      case .name(".."):
        here = here.parent
        source = here
      case .name(let name): return name
      }
    }
    return nil
  }

  mutating func enter(_ path: Path, _ source: Path) {
    here = path
    self.source = source
  }

  mutating func repeatLast(_ name: Path) { rest.append(.name(name)) }

  /// False after too many.
  ///
  /// - Parameter source: the name by which the host knows the place, where its own link does not lead there.
  mutating func follow(_ target: Path, to source: Path?) -> Bool {
    links += 1
    if links > 40 { return false }
    if target.isAbsolute { here = "/" }
    self.source = here
    if let source { rest.append(.source(source)) }
    rest += target.components.reversed().map { .name($0) }
    return true
  }
}
