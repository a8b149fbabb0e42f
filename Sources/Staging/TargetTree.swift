internal import ELF
internal import Inside
internal import Kernel
internal import Rooted
internal import Steps

/// The new root as it will be: what it has, and what was decided so far. Every path of the host is walked here component by
/// component, so that links of both trees lead to the right places: links that the host has are made again, and a file
/// that many names lead to is copied once.
struct TargetTree: ~Copyable {
  private enum Entry {
    case directory
    case file
    case link(Path)
  }

  /// Where the steps make files.
  let directory: Path
  private let existing: Root?
  private let copying: StageRequest.Copying
  /// The steps make a layer on top of what exists: directories that exist there are made again where one is needed.
  private let isLayer: Bool
  private var layerDirectories: Set<Path> = ["/", ""]
  private var entries: [Path: Entry] = ["/": .directory]
  private(set) var steps: [Step] = []
  private(set) var files: [StagedFile] = []
  private var indices: [Path: Int] = [:]
  /// Links that both trees have alike.
  private var sharedLinks: [Path: Bool] = [:]

  init(directory: Path, existing: consuming Root?, isLayer: Bool, copying: StageRequest.Copying) {
    self.directory = directory
    self.isLayer = isLayer
    self.existing = existing
    self.copying = copying
  }

  /// What the tree has or will have at a path without links in it.
  private mutating func entry(at path: Path) throws(StageFailure) -> Entry? {
    if let known = entries[path] { return known }
    guard let found = try Self.look(at: path, in: existing) else { return nil }
    entries[path] = found
    return found
  }

  private static func look(at path: Path, in existing: borrowing Root?) throws(StageFailure) -> Entry? {
    switch existing {
    case .none: return nil
    case .some(let root):
      do throws(Fault) {
        let handle = try root.open(path, [.path, .noFollow])
        switch try status(of: handle.borrowed).kind {
        case .directory: return .directory
        case .symbolicLink: return .link(try readSymbolicLink("", at: handle.borrowed))
        default: return .file
        }
      } catch {
        if error.errno == .noSuchFile { return nil }
        throw StageFailure("cannot read \(path) of the new root", error)
      }
    }
  }

  /// Whether the tree has a real directory of that name.
  mutating func hasDirectory(_ path: Path) -> Bool {
    if case .directory? = try? entry(at: path) { true } else { false }
  }
  mutating func has(_ path: Path) -> Bool { (try? entry(at: path)) != nil }

  /// Whether that is the new root, which may lie inside of what is to come along.
  func isRoot(_ identity: FileIdentity) -> Bool {
    switch existing {
    case .none: false
    case .some(let root): !isLayer && (try? status(of: root.descriptor).identity) == identity
    }
  }

  func bytes(of path: Path, limit: Int) -> [UInt8]? {
    switch existing {
    case .none: return nil
    case .some(let root):
      guard let handle = try? root.open(path, [.path, .noFollow]), (try? status(of: handle.borrowed).kind) == .regular,
        let file = try? root.open(path, [.readOnly, .noFollow, .nonBlocking])
      else { return nil }
      return try? file.borrowed.readAll(limit: limit)
    }
  }
}

// MARK: - Making

extension TargetTree {
  private mutating func emit(_ step: FileStep, at path: Path) throws(StageFailure) {
    if isLayer {
      if case .makeDirectory = step { layerDirectories.insert(path) }
      try repeatDirectories(above: path)
    }
    steps.append(.file(step))
  }

  private mutating func repeatDirectories(above path: Path) throws(StageFailure) {
    let parent = path.parent
    guard layerDirectories.insert(parent).inserted else { return }
    try repeatDirectories(above: parent)
    let mode = try Self.mode(of: parent, in: existing)
    steps.append(.file(.makeDirectory(directory.appending(parent), mode: mode)))
  }

  private static func mode(of path: Path, in existing: borrowing Root?) throws(StageFailure) -> FileMode {
    switch existing {
    case .none: return 0o755
    case .some(let root):
      do throws(Fault) { return try root.status(of: path).mode } catch {
        throw StageFailure("cannot read \(path) of the image", error)
      }
    }
  }

  mutating func makeDirectory(_ path: Path, mode: FileMode) throws(StageFailure) {
    guard try entry(at: path) == nil else { return }
    entries[path] = .directory
    try emit(.makeDirectory(directory.appending(path), mode: mode), at: path)
  }

  mutating func write(_ path: Path, _ contents: [UInt8], mode: FileMode, why: StageReason) throws(StageFailure) {
    entries[path] = .file
    try emit(.writeFile(directory.appending(path), contents: contents, mode: mode), at: path)
    files.append(
      StagedFile(path: path, kind: .generated, source: path, size: contents.count, isNew: true, why: [why]))
  }

  private mutating func record(_ path: Path, _ why: StageReason, _ make: () -> StagedFile) {
    if let index = indices[path] {
      if !files[index].why.contains(why) { files[index].why.append(why) }
    } else {
      indices[path] = files.count
      var file = make()
      file.why = [why]
      files.append(file)
    }
  }

  /// Plans the file or directory that the host has at `wanted`, with the directories and links on the way.
  ///
  /// - Returns: the path inside the new root with all links resolved.
  @discardableResult
  mutating func place(_ wanted: Path, from host: borrowing Host, why: StageReason) throws(StageFailure) -> Path {
    var walk = PlaceWalk(wanted)
    while let name = walk.next() {
      let path = walk.here.appending(name)
      let source = walk.source.appending(name)
      switch try entry(at: path) {
      case .link(let target):
        if files.count < 1 << 20 {
          let isNew = indices[path].map { files[$0].isNew } ?? false
          record(path, walk.isLast ? why : StageReason(.layout, by: source)) {
            StagedFile(path: path, kind: .link(target), source: source, size: 0, isNew: isNew, why: [])
          }
        }
        let known = isHostsLink(path, target, source, host) ? nil : source
        guard walk.follow(target, to: known) else { throw looped(wanted) }
      case .directory: walk.enter(path, source)
      case .file:
        guard walk.isLast else { throw notDirectory(path) }
        record(path, why) {
          StagedFile(
            path: path, kind: .file, source: source, size: host.status(source)?.size ?? 0, isNew: false, why: [])
        }
        return path
      case nil: try make(name, path, source, &walk, from: host, wanted: wanted, why: why)
      }
    }
    return walk.here
  }

  private mutating func isHostsLink(_ path: Path, _ target: Path, _ source: Path, _ host: borrowing Host) -> Bool {
    guard path == source else { return false }
    if let known = sharedLinks[path] { return known }
    let isShared = host.readLink(path) == target
    sharedLinks[path] = isShared
    return isShared
  }

  private mutating func make(
    _ name: Path, _ path: Path, _ source: Path, _ walk: inout PlaceWalk, from host: borrowing Host, wanted: Path,
    why: StageReason
  ) throws(StageFailure) {
    guard var facts = host.status(source, followLinks: false) else {
      if host.status(wanted) != nil {
        throw StageFailure(
          .unusable, "links of the new root lead from \(wanted) to \(path), which is not there, and not on this machine"
        )
      }
      throw StageFailure(.notFound, "\(wanted): no such file on this machine (\(source) is missing)")
    }
    if facts.kind == .symbolicLink, let target = host.readLink(source) {
      // A relative link means the same only where both trees are laid out alike.
      if target.isAbsolute || walk.here == walk.source {
        entries[path] = .link(target)
        try emit(.makeSymbolicLink(directory.appending(path), target: target), at: path)
        sharedLinks[path] = path == source
        indices[path] = files.count
        let reason = walk.isLast ? why : StageReason(.layout, by: source)
        files.append(
          StagedFile(path: path, kind: .link(target), source: source, size: 0, isNew: true, why: [reason]))
        return walk.repeatLast(name)
      }
      guard let behind = host.status(source) else {
        throw StageFailure(.notFound, "\(source) is a link to \(target), which is missing on this machine")
      }
      facts = behind
    }
    switch facts.kind {
    case .directory:
      entries[path] = .directory
      try emit(.makeDirectory(directory.appending(path), mode: facts.mode), at: path)
      walk.enter(path, source)
    case .regular:
      guard walk.isLast else { throw notDirectory(source) }
      entries[path] = .file
      try emit(
        .copyFile(from: hostPath(source, host), to: directory.appending(path), mayLink: copying == .hardLinks), at: path
      )
      record(path, why) {
        StagedFile(path: path, kind: .file, source: source, size: facts.size, isNew: true, why: [])
      }
      walk.enter(path, source)
    default:
      throw StageFailure(
        .unusable, "\(source) is \(facts.kind.words), which cannot be staged",
        hint: "devices come with the container itself; leave it out")
    }
  }

  private func hostPath(_ source: Path, _ host: borrowing Host) -> Path {
    host.prefix == "/" ? source : host.prefix.appending(source)
  }

  private func looped(_ path: Path) -> StageFailure {
    StageFailure(.unusable, "\(path) leads through more than 40 symbolic links")
  }

  private func notDirectory(_ path: Path) -> StageFailure {
    StageFailure(.unusable, "\(path) is a file, and a directory is needed there")
  }
}
