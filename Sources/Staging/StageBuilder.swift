internal import Arguments
internal import ELF
internal import Inside
internal import Kernel

/// Decides what comes into the new root: programs, what they are linked to, what scripts are run by.
struct StageBuilder: ~Copyable {
  var host: Host
  var target: TargetTree
  let request: StageRequest
  var notes: [String] = []
  /// Programs and libraries whose own needs are met.
  private var linked: Set<Path> = []
  /// The linkers that staged programs name: what dlopen would want depends on them.
  private(set) var linkers: [LinkerUse] = []
  /// Libraries that only the cache leads to.
  var cacheEntries: [LibraryCache.Entry] = []

  struct LinkerUse {
    var interpreter: Path
    var configuration: LinkerConfiguration
    /// The C library, as it was found.
    var library: Path
  }

  init(host: consuming Host, target: consuming TargetTree, request: StageRequest) {
    self.host = host
    self.target = target
    self.request = request
  }

  /// The directories that names are looked up in: the caller's PATH, then those that only root has in it.
  private var searchPath: [Path] {
    let usual: [Path] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    let own = request.searchPath.filter(\.isAbsolute)
    return own + usual.filter { !own.contains($0) }
  }

  // MARK: - Programs

  mutating func addProgram(_ word: Path) throws(StageFailure) {
    let path = try find(word)
    try add(path, why: StageReason(.asked, by: word), depth: 0)
  }

  private func find(_ word: Path) throws(StageFailure) -> Path {
    if word.bytes.contains(UInt8(ascii: "/")) { return try findPath(word) }
    if let path = look(for: word) { return path }
    // A library by its name: what a diagnosis asks for.
    if word.string.contains(".so") {
      for directory in LinkerConfiguration.usualDirectories(.glibc, .host) {
        let path = directory.appending(word)
        if host.status(path)?.kind == .regular { return path }
      }
    }
    let names = searchPath.flatMap { host.names(in: $0).map(\.string) }
    let near = nearestMatches(to: word.string, in: Array(Set(names)).sorted())
    throw StageFailure(
      .notFound, "no such program: \(word)",
      hint: near.isEmpty
        ? "it is neither in PATH nor in the sbin directories: install it, or give its path"
        : "did you mean \(near.joined(separator: ", "))?")
  }

  private func findPath(_ word: Path) throws(StageFailure) -> Path {
    var path = word
    if !path.isAbsolute {
      do throws(Fault) { path = try workingDirectory().appending(word).lexicallyNormal } catch {
        throw StageFailure("\(word)", error)
      }
    }
    guard let facts = host.status(path) else {
      if host.status(path, followLinks: false)?.kind == .symbolicLink {
        throw StageFailure(.notFound, "\(word) is a symbolic link that leads nowhere")
      }
      let near = nearestMatches(to: path.name, in: host.names(in: path.parent).map(\.string))
      throw StageFailure(
        .notFound, "no such file: \(word)",
        hint: near.isEmpty
          ? nil : "did you mean \(near.map { path.parent.appending($0).string }.joined(separator: ", "))?")
    }
    if facts.kind == .directory {
      throw StageFailure(.unusable, "\(word) is a directory", hint: "take it along as it lies with --path \(word)")
    }
    return path
  }

  /// The first executable file of that name. A root that was laid out before the merge of /usr has it under the short name.
  private func look(for name: Path) -> Path? {
    for directory in searchPath {
      let path = directory.appending(name)
      guard let facts = host.status(path), facts.kind == .regular, facts.mode.rawValue & 0o111 != 0 else { continue }
      return path
    }
    return nil
  }

  /// Where a program that was found by its name goes: into /bin where the root has a real one and no /usr/bin.
  private mutating func preferred(_ path: Path) -> Path {
    for (long, short) in [(Path("/usr/bin"), Path("/bin")), ("/usr/sbin", "/sbin")] where path.parent == long {
      let alias = short.appending(path.lastComponent)
      if target.hasDirectory(short), !target.has(long), host.status(alias) != nil { return alias }
    }
    return path
  }

  private mutating func add(_ found: Path, why: StageReason, depth: Int) throws(StageFailure) {
    let path = why.by.bytes.contains(UInt8(ascii: "/")) && why.kind == .asked ? found : preferred(found)
    if depth > 5 { throw StageFailure(.unusable, "\(path) is a script for a script: more than the kernel follows") }
    let front = host.front(of: path)
    if front.starts(with: "#!".utf8) {
      try addScript(path, front, why: why, depth: depth)
    } else {
      try addObject(path, why: why)
    }
  }

  private mutating func addScript(
    _ path: Path, _ front: [UInt8], why: StageReason, depth: Int
  ) throws(StageFailure) {
    guard let script = Script(front: front[...]) else {
      throw StageFailure(.unusable, "\(path): its #! line names no interpreter")
    }
    if script.hasCarriageReturn {
      throw StageFailure(
        .unusable, "\(path) has a carriage return at the end of its #! line, so it starts nowhere",
        hint: "turn its lines into Unix ones: sed -i 's/\\r$//' \(path)")
    }
    try target.place(path, from: host, why: why)
    guard script.interpreter.isAbsolute, host.status(script.interpreter) != nil else {
      throw StageFailure(.notFound, "\(script.interpreter), which runs the script \(path), is missing on this machine")
    }
    try add(script.interpreter, why: StageReason(.interpreter, by: path), depth: depth + 1)
    guard let name = script.lookedUp else { return }
    guard let found = name.isAbsolute ? name : look(for: name) else {
      throw StageFailure(.notFound, "\(name), which runs the script \(path), is missing on this machine")
    }
    try add(found, why: StageReason(.interpreter, by: path, name: name), depth: depth + 1)
  }

  // MARK: - ELF

  private mutating func addObject(_ path: Path, why: StageReason) throws(StageFailure) {
    guard let file = host.object(path) else {
      throw StageFailure(.unusable, "\(path) is no regular file, or may not be read")
    }
    switch file.contents {
    case .failure(.notELF):
      throw StageFailure(
        .unusable, "\(path) is not an ELF file, and no script with a #! line",
        hint: "take a data file along with --path \(path)")
    case .failure(let error): throw StageFailure(.unusable, "\(path): \(error)")
    case .success(let object):
      if object.kind == .other {
        throw StageFailure(.unusable, "\(path) is an object file or a core dump, not a program")
      }
      guard object.architecture.runsHere || request.host != "/" else {
        throw StageFailure(
          .unusable,
          "\(path) is a program for \(object.architecture.name), and this machine is \(Architecture.host.name)")
      }
      try target.place(path, from: host, why: why)
      try addClosure(of: path, file, object)
    }
  }

  /// The libraries of a program or a library that has its place already. Those that cannot be found are named all at once.
  mutating func addClosure(of path: Path, _ file: ObjectFile, _ object: ELFObject) throws(StageFailure) {
    guard linked.insert(path).inserted else { return }
    guard object.isDynamic, object.interpreter != nil || !object.needed.isEmpty else { return }
    // A library has no interpreter of its own: the one of the program that loads it is there already.
    var loaded = object
    loaded.interpreter =
      object.interpreter ?? linkers.first { $0.configuration.architecture == object.architecture }?.interpreter
    let configuration = host.configuration(for: object.architecture, interpreter: loaded.interpreter)
    let map = host.link(path, file: file, object: loaded, configuration)
    if let failure = failure(of: map) { throw failure }
    try place(map, configuration)
    if let interpreter = object.interpreter { remember(map, configuration, interpreter) }
    try noteCacheEntries(map, path, file, loaded, configuration)
  }

  private mutating func place(_ map: LinkMap, _ configuration: LinkerConfiguration) throws(StageFailure) {
    let program = map.objects[0].path
    if let interpreter = map.interpreter {
      try target.place(map.objects[interpreter].path, from: host, why: StageReason(.linker, by: program))
    }
    for edge in map.edges {
      let path = map.objects[edge.to].path
      let why = StageReason(.library, by: map.objects[edge.from].path, name: edge.name)
      try target.place(path, from: host, why: why)
      guard let plain = path.withoutCapability, host.status(plain) != nil else { continue }
      try target.place(plain, from: host, why: StageReason(.baseline, by: path, name: edge.name))
    }
  }

  private mutating func remember(_ map: LinkMap, _ configuration: LinkerConfiguration, _ interpreter: Path) {
    guard let library = map.objects.first(where: { $0.object.soname == "libc.so.6" }) else { return }
    if linkers.contains(where: { $0.library == library.path }) { return }
    linkers.append(LinkerUse(interpreter: interpreter, configuration: configuration, library: library.path))
  }

  func failure(of map: LinkMap) -> StageFailure? {
    let program = map.objects[0].path
    if let linker = map.missingInterpreter {
      return StageFailure(
        .notFound, "\(program) needs \(linker.name), its dynamic linker, which \(linker.reason.words)")
    }
    guard let first = map.missing.first else { return nil }
    let all = map.missing.prefix(5).map { "\($0.name), needed by \($0.neededBy), \($0.reason.words)" }
    let more = map.missing.count > 5 ? "; and \(map.missing.count - 5) more" : ""
    var hint = "install the package that has \(first.name), or run ldconfig if it is new"
    if environment("LD_LIBRARY_PATH") != nil { hint += "; LD_LIBRARY_PATH does not count, a container has its own" }
    return StageFailure(.notFound, all.joined(separator: "; ") + more, hint: hint)
  }

  /// A library outside of the linker's own directories that no search path in a file leads to would be lost without the
  /// host's ld.so.cache: those get an entry in the root's own.
  private mutating func noteCacheEntries(
    _ map: LinkMap, _ path: Path, _ file: ObjectFile, _ object: ELFObject, _ configuration: LinkerConfiguration
  ) throws(StageFailure) {
    guard configuration.flavor == .glibc, let flags = configuration.architecture.cacheFlags else { return }
    let defaults = Set(configuration.defaultDirectories)
    let outside = map.edges.filter { edge in
      let path = map.objects[edge.to].path
      return edge.to != map.interpreter && !edge.name.bytes.contains(UInt8(ascii: "/"))
        && !defaults.contains((path.withoutCapability ?? path).parent)
    }
    guard !outside.isEmpty else { return }
    var bare = configuration
    bare.cache = nil
    bare.configuredDirectories = []
    let alone = host.link(path, file: file, object: object, bare)
    let lost = Set(alone.missing.map(\.name))
    for edge in outside
    where lost.contains(edge.name) || !alone.objects.contains(where: { $0.path == map.objects[edge.to].path }) {
      let found = map.objects[edge.to].path
      let plain = found.withoutCapability ?? found
      cacheEntries.append(.init(name: edge.name, path: plain, flags: flags))
      if found != plain {
        cacheEntries.append(.init(name: edge.name, path: found, flags: flags, capability: found.parent.name))
      }
    }
  }
}

extension LinkMap.Missing.Reason {
  var words: String {
    switch self {
    case .notFound: "cannot be found on this machine"
    case .otherArchitecture(let path, let other): "is here for \(other.name) only (\(path))"
    case .unreadable(let path, let error): "is unusable: \(path): \(error)"
    case .tooMany: "comes after thousands of others"
    }
  }
}

extension Path {
  /// `/lib/glibc-hwcaps/x86-64-v3/libz.so` → `/lib/libz.so`
  var withoutCapability: Path? {
    guard parent.parent.name == "glibc-hwcaps" else { return nil }
    return parent.parent.parent.appending(lastComponent)
  }
}
