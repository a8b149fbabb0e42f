internal import Containers
internal import Kernel
internal import Launching
internal import Mounts
internal import Planning
internal import Rooted
internal import Steps

/// What a container has below `/`, to copy into and out of, running, paused or not. Nothing of the container is executed and
/// no namespace of it is entered: it is a directory, and every path in it is resolved below that (CVE-2018-15664,
/// CVE-2019-14271).
struct ContainerRoot: ~Copyable {
  let root: Root
  /// Of its user namespace while it runs; empty where ids are those on the disk.
  var users: [IdentifierMap] = []
  var groups: [IdentifierMap] = []

  /// The host's id for one of the container's; the id itself where it has no other, and 65534 for one that it has not.
  static func host(_ own: UInt32, _ maps: [IdentifierMap]) -> UInt32 {
    if maps.isEmpty { return own }
    return maps.first { own >= $0.container && own - $0.container < $0.count }.map { own - $0.container + $0.host }
      ?? 65_534
  }

  static func own(_ host: UInt32, _ maps: [IdentifierMap]) -> UInt32 {
    if maps.isEmpty { return host }
    return maps.first { host >= $0.host && host - $0.host < $0.count }.map { host - $0.host + $0.container } ?? 65_534
  }
}

extension Engine {
  /// Runs `body` with the container's root: of a running one as it sees it, with all its mounts; else its layers, volumes
  /// and binds, mounted where only this process sees them, and held so that nobody starts it meanwhile.
  func withRoot<Result>(
    of word: String, _ body: (borrowing ContainerRoot) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let identifier = try find(word)
    if (try? containerState(of: identifier))?.status == .running {
      try requireVisible(try record(of: identifier), "cp")
    }
    if let root = try runningRoot(of: identifier, word) { return try body(root) }
    guard let lock = try lockForStart(identifier, named: word) else {
      if let root = try runningRoot(of: identifier, word) { return try body(root) }
      throw Failure(
        .conflict, "container \(word) is just being started again", hint: "stop it, or wait until it runs")
    }
    let result: Result
    do throws(Failure) {
      result = try body(try restingRoot(of: identifier, word))
    } catch {
      unmountVolumes(of: identifier)
      try? lock.remove()
      throw error
    }
    unmountVolumes(of: identifier)
    try? lock.remove()
    return result
  }

  /// Nil when it does not run.
  private func runningRoot(of identifier: ContainerIdentifier, _ word: String) throws(Failure) -> ContainerRoot? {
    guard let state = try? containerState(of: identifier), state.status == .running, let process = state.process,
      let pidfd = process.open()
    else { return nil }
    do throws(Fault) {
      let proc = Path("/proc/\(process.process)")
      let root = try open(proc.appending("root"), [.path, .directory])
      var found = ContainerRoot(root: Root(root))
      if try readSymbolicLink(proc.appending("ns/user")) != readSymbolicLink("/proc/self/ns/user") {
        found.users = Self.maps(try readText(proc.appending("uid_map")))
        found.groups = Self.maps(try readText(proc.appending("gid_map")))
      }
      // All of that was about the container only if its first process lives.
      guard try poll(pidfd.borrowed, .readable, milliseconds: 0).isEmpty else { return nil }
      return found
    } catch {
      if error.errno == .noSuchFile || error.errno == .noSuchProcess { return nil }
      throw Failure("cannot look into container \(word)", error)
    }
  }

  /// `INSIDE OUTSIDE COUNT` lines (user_namespaces(7)).
  private static func maps(_ text: String) -> [IdentifierMap] {
    text.split(separator: "\n").compactMap { line in
      let numbers = line.split(separator: " ").compactMap { UInt32($0) }
      return numbers.count == 3 ? IdentifierMap(container: numbers[0], host: numbers[1], count: numbers[2]) : nil
    }
  }

  private func restingRoot(of identifier: ContainerIdentifier, _ word: String) throws(Failure) -> ContainerRoot {
    let record = try record(of: identifier)
    let files = store.files(of: identifier)
    try mountVolumes(of: record)
    do throws(Fault) {
      // For good: this process does nothing else, and what it mounts ends with it.
      try unshare(.mount)
      try mount(source: "", on: "/", flags: [.slave, .recursive])
      var executor = MountExecutor()
      let place: Path
      switch root(of: record, files) {
      case .directory(let path):
        place = path
        try executor.perform(.bindRoot(path))
      case .overlay(var overlay):
        // Its own directory is one that is there, and the layers in it are found before it is covered.
        place = files.directory
        overlay.target = place
        overlay.isVolatile = false
        addRoom(Self.roomToMount, to: record, files)
        let work = try? open(files.work, [.readOnly, .directory, .noFollow])
        defer { takeRoom(of: record, work: work) }
        try executor.perform(.mountOverlay(overlay))
      }
      for mount in record.mounts where mount.kind != .tmpfs {
        // What is missing by now, a start would tell of.
        if mount.kind == .bind && !exists(Path(mount.source)) { continue }
        try executor.perform(.bind(mount.bind))
      }
      return ContainerRoot(root: Root(try open(place, [.path, .directory])))
    } catch { throw Failure("cannot look into container \(word)", error) }
  }
}

extension MountRecord {
  fileprivate var bind: BindMount {
    var bind = BindMount(
      source: Path(source), target: Path(destination), isRecursive: kind != .image, set: isReadOnly ? .readOnly : [])
    bind.layers = layers.map { Path($0) }
    if !subpath.isEmpty { bind.subpath = Path(subpath) }
    return bind
  }
}
