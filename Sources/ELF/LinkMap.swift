package import Kernel

/// The same file by whatever name: the device and inode numbers.
package struct FileIdentity: Hashable, Sendable {
  package var device: UInt64
  package var inode: UInt64
  package init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

/// What a look at one name of the file system gave: the file behind it and what an ELF reader makes of it.
package struct ObjectFile: Hashable, Sendable {
  package var identity: FileIdentity
  package var contents: Result<ELFObject, ELFError>
  package init(identity: FileIdentity, contents: Result<ELFObject, ELFError>) {
    self.identity = identity
    self.contents = contents
  }
}

/// A program and all that its dynamic linker would load before `main`, found by the rules of ld.so(8) without running
/// anything.
package struct LinkMap: Sendable {
  package struct Loaded: Sendable {
    /// The name it was found by: links in it are not resolved, for $ORIGIN is not either.
    package var path: Path
    package var identity: FileIdentity
    package var object: ELFObject
    /// Who asked for it first; nil for the program itself.
    package var loader: Int?
  }

  /// One DT_NEEDED entry that was found.
  package struct Edge: Hashable, Sendable {
    package var from: Int
    package var to: Int
    package var name: Path
  }

  /// A library that the linker would stop at, and why.
  package struct Missing: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
      case notFound
      /// Only files for other machines have the name; the first of them.
      case otherArchitecture(Path, Architecture)
      case unreadable(Path, ELFError)
      /// The tree is larger than any program's.
      case tooMany
    }
    package var name: Path
    package var neededBy: Path
    package var reason: Reason
  }

  package private(set) var objects: [Loaded] = []
  package private(set) var edges: [Edge] = []
  package private(set) var missing: [Missing] = []
  /// The interpreter when it is not there, or not one.
  package private(set) var missingInterpreter: Missing?
  /// Where the interpreter is in `objects`.
  package private(set) var interpreter: Int?
  /// Names that an object was found by, or calls itself by, and who it is: each name is looked for once.
  private var named: [Path: Int] = [:]
  private var identified: [FileIdentity: Int] = [:]

  /// More than any program loads; a hostile tree of files ends here.
  static let mostObjects = 4096
}

extension LinkMap {
  /// - Parameters:
  ///   - program: the name that the program was found by.
  ///   - origin: what $ORIGIN means in the program itself: the kernel names its directory with all links resolved.
  ///   - look: opens a name (links followed) and reads it; nil when nothing is there or it is no regular file.
  package init(
    program: Path, origin: Path, file: ObjectFile, object: ELFObject, _ configuration: LinkerConfiguration,
    look: (Path) -> ObjectFile?
  ) {
    add(Loaded(path: program, identity: file.identity, object: object, loader: nil), as: program)
    if let path = object.interpreter { loadInterpreter(path, configuration, look) }
    // Breadth first, as the linker does it: a name that is found early answers for all that ask later.
    var next = 0
    while next < objects.count {
      defer { next += 1 }
      if next == interpreter { continue }
      let directory = next == 0 ? origin : objects[next].path.parent
      let strings = DynamicStrings(
        origin: directory, library: configuration.library, platform: configuration.architecture.name)
      for needed in objects[next].object.needed {
        guard let name = Path(bytes: strings.expand(needed.bytes)), !name.isEmpty else { continue }
        load(name, for: next, origin: origin, configuration, look)
      }
    }
  }

  private mutating func loadInterpreter(
    _ path: Path, _ configuration: LinkerConfiguration, _ look: (Path) -> ObjectFile?
  ) {
    func fail(_ reason: Missing.Reason) {
      missingInterpreter = Missing(name: path, neededBy: objects[0].path, reason: reason)
    }
    guard let file = look(path) else { return fail(.notFound) }
    switch file.contents {
    case .failure(let error): fail(.unreadable(path, error))
    case .success(let object):
      guard object.architecture == configuration.architecture else {
        return fail(.otherArchitecture(path, object.architecture))
      }
      interpreter = objects.count
      add(Loaded(path: path, identity: file.identity, object: object, loader: 0), as: path)
    }
  }

  private mutating func load(
    _ name: Path, for loader: Int, origin: Path, _ configuration: LinkerConfiguration, _ look: (Path) -> ObjectFile?
  ) {
    if let known = named[name] {
      edges.append(Edge(from: loader, to: known, name: name))
      return
    }
    // musl's linker is its C library, under every name that it would split it into (`lib` + reserved in ldso/dynlink.c).
    if configuration.flavor == .musl, let interpreter, Self.isMuslItself(name) {
      edges.append(Edge(from: loader, to: interpreter, name: name))
      return
    }
    var search = Search(architecture: configuration.architecture)
    for path in candidates(for: name, loader: loader, origin: origin, configuration) {
      guard case .found(let file, let object) = search.consider(path, look) else {
        if search.unreadable != nil { break }
        continue
      }
      let index: Int
      if let known = identified[file.identity] {
        index = known
        named[name] = known
      } else {
        guard objects.count < Self.mostObjects else {
          return missing.append(Missing(name: name, neededBy: objects[loader].path, reason: .tooMany))
        }
        index = objects.count
        add(Loaded(path: path, identity: file.identity, object: object, loader: loader), as: name)
      }
      edges.append(Edge(from: loader, to: index, name: name))
      return
    }
    let entry = Missing(name: name, neededBy: objects[loader].path, reason: search.reason)
    if !missing.contains(entry) { missing.append(entry) }
  }

  private mutating func add(_ loaded: Loaded, as name: Path) {
    let index = objects.count
    objects.append(loaded)
    identified[loaded.identity] = identified[loaded.identity] ?? index
    named[name] = named[name] ?? index
    if let soname = loaded.object.soname { named[soname] = named[soname] ?? index }
  }

  private static func isMuslItself(_ name: Path) -> Bool {
    ["libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."].contains {
      name.bytes.starts(with: $0.utf8)
    }
  }
}

/// One search along a path: a file for another machine is passed over, one that is no library ends it.
private struct Search {
  enum Step {
    case found(ObjectFile, ELFObject)
    case goOn
  }

  let architecture: Architecture
  var other: (Path, Architecture)?
  var unreadable: (Path, ELFError)?

  init(architecture: Architecture) { self.architecture = architecture }

  mutating func consider(_ path: Path, _ look: (Path) -> ObjectFile?) -> Step {
    guard let file = look(path) else { return .goOn }
    switch file.contents {
    case .failure(let error):
      unreadable = (path, error)
      return .goOn
    case .success(let object):
      if object.architecture == architecture { return .found(file, object) }
      other = other ?? (path, object.architecture)
      return .goOn
    }
  }

  var reason: LinkMap.Missing.Reason {
    if let unreadable { return .unreadable(unreadable.0, unreadable.1) }
    return other.map { .otherArchitecture($0.0, $0.1) } ?? .notFound
  }
}

// MARK: - The search order

extension LinkMap {
  /// Every file name that the linker would try for a library, in order.
  private func candidates(
    for name: Path, loader: Int, origin: Path, _ configuration: LinkerConfiguration
  ) -> [Path] {
    // A name with a slash is a path; a relative one depends on a working directory that nobody knows beforehand.
    if name.bytes.contains(UInt8(ascii: "/")) { return name.isAbsolute ? [name] : [] }
    func directories(_ index: Int, _ path: Path?) -> [Path] {
      DynamicStrings(
        origin: index == 0 ? origin : objects[index].path.parent, library: configuration.library,
        platform: configuration.architecture.name
      ).directories(path)
    }
    let asking = objects[loader].object
    if configuration.flavor == .musl {
      var searched = configuration.libraryPath
      for index in chain(from: loader) {
        searched += directories(index, objects[index].object.runpath ?? objects[index].object.rpath)
      }
      return (searched + configuration.defaultDirectories).map { $0.appending(name) }
    }
    var searched: [Path] = []
    if asking.runpath == nil {
      // RPATH of the object, of who loaded it, and so on up; at the end the program's own.
      var indices = chain(from: loader)
      if indices.last != 0 { indices.append(0) }
      // An object that has both has no RPATH (get-dynamic-info.h).
      for index in indices where objects[index].object.runpath == nil {
        searched += directories(index, objects[index].object.rpath)
      }
    }
    searched += configuration.libraryPath
    searched += directories(loader, asking.runpath)
    var paths = searched.flatMap { Self.variants(of: $0, name, configuration) }
    let defaults = Set(configuration.defaultDirectories)
    let cached = configuration.cache?.lookup(
      name, for: configuration.architecture, capabilities: configuration.capabilities)
    if let cached, !(asking.ignoresDefaultDirectories && defaults.contains(cached.parent)) { paths.append(cached) }
    paths += configuration.configuredDirectories.flatMap { Self.variants(of: $0, name, configuration) }
    if !asking.ignoresDefaultDirectories {
      paths += configuration.defaultDirectories.flatMap { Self.variants(of: $0, name, configuration) }
    }
    return paths
  }

  /// The object and those that it was loaded for, up to the program.
  private func chain(from loader: Int) -> [Int] {
    var indices = [loader]
    while let above = objects[indices[indices.count - 1]].loader { indices.append(above) }
    return indices
  }

  /// A directory's glibc-hwcaps subdirectories come before the directory itself.
  private static func variants(of directory: Path, _ name: Path, _ configuration: LinkerConfiguration) -> [Path] {
    configuration.capabilities.map { directory.appending("glibc-hwcaps/\($0)").appending(name) }
      + [directory.appending(name)]
  }
}
