package import Archives
internal import Blobs
internal import Containers
package import Kernel
internal import Rooted
internal import Volumes

// `cp`, and `volume export` and `import`: files go from one place to the other as they are read, without a copy between.

package struct CopyRequest: Sendable {
  package enum Place: Hashable, Sendable {
    case container(String, path: String)
    /// A path of the host, absolute.
    case host(String)
    /// A tar on standard input or output.
    case stream
  }
  package var source: Place
  package var target: Place
  /// `-a`: owners are kept.
  package var keepsOwners = false
  /// `-L`
  package var followsLinks = false

  package init(from source: Place, to target: Place) {
    self.source = source
    self.target = target
  }
}

extension Engine {
  /// - Returns: what was copied.
  package func copy(_ request: CopyRequest, _ meter: CopyMeter) throws(Failure) -> CopyMeter {
    switch (request.source, request.target) {
    case (.container(let word, let path), _):
      return try withRoot(of: word) { (container) throws(Failure) in
        try copyOut(path, container, request, word, meter)
      }
    case (_, .container(let word, let path)):
      return try withRoot(of: word) { (container) throws(Failure) in
        try copyIn(path, container, request, word, meter)
      }
    default: throw Failure(.usage, "must specify at least one container source")
    }
  }

  private func copyOut(
    _ path: String, _ container: borrowing ContainerRoot, _ request: CopyRequest, _ word: String, _ meter: CopyMeter
  ) throws(Failure) -> CopyMeter {
    let beginning = try CopyBeginning(
      absolute(path), in: container.root, followsLinks: request.followsLinks, shown: "\(word):\(path)")
    let (users, groups) = (container.users, container.groups)
    guard case .host(let target) = request.target else {
      let rules = CopyRules(keepsPrivileges: true) {
        (ContainerRoot.own($0, users), ContainerRoot.own($1, groups))
      }
      var sink = TarSink(.standardOutput, rules, meter)
      try copy(beginning, as: nil, into: &sink)
      return sink.meter
    }
    let end = try CopyEnd(target, in: try hostRoot(), for: beginning, shown: target)
    // Not even with root's rights does a container's file become a program with root's rights, unless that is asked for.
    let keeps = request.keepsOwners
    let (user, group) = (effectiveUser(), effectiveGroup())
    let rules = CopyRules(keepsPrivileges: keeps) {
      keeps ? (ContainerRoot.own($0, users), ContainerRoot.own($1, groups)) : (user, group)
    }
    let name = end.name
    var sink = TreeSink(end.directory, rules, meter)
    try copy(beginning, as: name, into: &sink)
    return sink.meter
  }

  private func copyIn(
    _ path: String, _ container: borrowing ContainerRoot, _ request: CopyRequest, _ word: String, _ meter: CopyMeter
  ) throws(Failure) -> CopyMeter {
    let shown = "\(word):\(path)"
    let (users, groups) = (container.users, container.groups)
    // A tar says itself who owns what.
    let keeps = request.keepsOwners || request.source == .stream
    let rules = CopyRules(keepsPrivileges: true) {
      (ContainerRoot.host(keeps ? $0 : 0, users), ContainerRoot.host(keeps ? $1 : 0, groups))
    }
    // In a user namespace the root's files belong to ids that only its own root may make files with.
    let root = (user: ContainerRoot.host(0, users), group: ContainerRoot.host(0, groups))
    guard case .host(let source) = request.source else {
      let end = try CopyEnd(directory: absolute(path), in: container.root, shown: shown)
      var sink = TreeSink(end.directory, rules, meter)
      try asOwner(root) { () throws(StoreError) in
        var tar = try TarSource(.standardInput, for: "skiff cp - \(shown)")
        try tar.copy(into: &sink)
      }
      return sink.meter
    }
    let beginning = try CopyBeginning(source, in: try hostRoot(), followsLinks: request.followsLinks, shown: source)
    let end = try CopyEnd(absolute(path), in: container.root, for: beginning, shown: shown)
    let name = end.name
    var sink = TreeSink(end.directory, rules, meter)
    let file = beginning.file
    var tree = TreeSource(beginning.directory, file: file)
    try asOwner(root) { () throws(StoreError) in try tree.copy(as: name, into: &sink) }
    return sink.meter
  }

  private func copy(
    _ beginning: consuming CopyBeginning, as name: Path?, into sink: inout some CopySink & ~Copyable
  ) throws(Failure) {
    let (file, own) = (beginning.file, beginning.isContentsOnly ? "." : beginning.name)
    var tree = TreeSource(beginning.directory, file: file)
    do throws(StoreError) { try tree.copy(as: name ?? own, into: &sink) } catch { throw copyFailure(error) }
  }

  private func asOwner(
    _ owner: (user: UInt32, group: UInt32), _ body: () throws(StoreError) -> Void
  ) throws(Failure) {
    var failed: StoreError?
    do throws(Fault) {
      try withFileSystemIdentity(user: owner.user, group: owner.group) { () throws(Fault) in
        do throws(StoreError) { try body() } catch { failed = error }
      }
    } catch { throw Failure("cannot copy", error) }
    if let failed { throw copyFailure(failed) }
  }

  private func copyFailure(_ error: StoreError) -> Failure {
    var failure = Failure(error)
    if error.fault?.errno == .readOnlyFileSystem {
      failure.hint = "the container's root, or what is mounted there, is read-only"
    }
    return failure
  }

  private func hostRoot() throws(Failure) -> Root {
    do throws(Fault) { return try Root(at: "/") } catch { throw Failure("cannot open /", error) }
  }

  /// The slash before a container's path may be left out.
  private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "/" + path }

  // MARK: - Volumes

  /// All that is in a volume, as a tar.
  package func exportVolume(_ name: String, to file: BorrowedDescriptor) throws(Failure) {
    try withVolume(name) { (directory) throws(StoreError) in
      var sink = TarSink(file, CopyRules(keepsPrivileges: true), CopyMeter())
      var tree = TreeSource(directory)
      try tree.copy(as: ".", into: &sink)
    }
  }

  /// What a tar has comes to what is in the volume.
  package func importVolume(_ name: String, from file: BorrowedDescriptor) throws(Failure) {
    try withVolume(name) { (directory) throws(StoreError) in
      var sink = TreeSink(directory, CopyRules(keepsPrivileges: true), CopyMeter())
      var tar = try TarSource(file, for: "skiff volume import \(name) -")
      try tar.copy(into: &sink)
    }
  }

  private func withVolume(
    _ name: String, _ body: (consuming Descriptor) throws(StoreError) -> Void
  ) throws(Failure) {
    let volume = try volume(name)
    let user = VolumeStore.commandName
    let directory: Descriptor
    do throws(Fault) {
      try volumes.mount(name, for: user)
      directory = try open(volume.mountpoint, [.path, .directory])
    } catch { throw Failure("cannot open volume \(name)", error) }
    defer { try? volumes.unmountAll(for: user) }
    do throws(StoreError) { try body(directory) } catch { throw copyFailure(error) }
  }
}
