internal import Containers
internal import ImageSpec
internal import Kernel
internal import Steps
internal import Volumes

// `-v`, `--mount` and the image's VOLUMEs: names become directories, missing sources are made or refused.

extension Engine {
  var volumes: VolumeStore { VolumeStore(root: state.volumes) }

  /// Puts a directory of the host in place of each volume's name. Returns the volumes that were made for this container
  /// alone.
  func resolveMounts(
    _ request: inout RunRequest, _ image: ImageDefaults, for identifier: ContainerIdentifier, rehearsal: Bool
  ) throws(Failure) -> [String] {
    let taken = Set(request.mounts.map(\.target))
    for volume in image.config.volumes {
      let target: Path
      do throws(OptionError) { target = try mountTarget(volume) } catch {
        throw Failure(.usage, "the image is refused: its VOLUME \"\(volume)\": \(error.reason)")
      }
      if !taken.contains(target) { request.mounts.append(.volume(name: nil, target: target, options: [])) }
    }
    var anonymous: [String] = []
    for index in request.mounts.indices {
      switch request.mounts[index] {
      case .bind(let source, let target, _, let createsSource):
        try checkSource(source, target: target, creates: createsSource, rehearsal: rehearsal)
      case .volume(let given, let target, let options):
        let name = given ?? VolumeStore.anonymousName(for: identifier.description)
        if given == nil { anonymous.append(name) }
        let directory = try volumeDirectory(
          name, copyingUp: target, options.contains("nocopy") ? [] : layers(of: request, image), rehearsal: rehearsal)
        request.mounts[index] = .volume(
          name: directory.string, target: target, options: options.filter { $0 != "nocopy" })
      case .tmpfs: break
      }
    }
    return anonymous
  }

  /// A directory of the host is an image of one layer.
  private func layers(of request: RunRequest, _ image: ImageDefaults) -> [Path] {
    if case .directory(let path) = request.root { [path] } else { image.lower }
  }

  private func volumeDirectory(
    _ name: String, copyingUp target: Path, _ layers: [Path], rehearsal: Bool
  ) throws(Failure) -> Path {
    guard VolumeStore.isValid(name: name) else {
      throw Failure(
        .usage, "\"\(name)\" is no volume name", hint: "letters, digits, _ . and -; a path of the host starts with /")
    }
    if rehearsal { return state.volumes.appending(name).appending("_data") }
    do throws(Fault) { return try volumes.directory(name, copyingUp: target, layers: layers) } catch {
      throw Failure("cannot prepare volume \(name)", error)
    }
  }

  func removeAnonymousVolume(_ name: String) { try? volumes.remove(name) }

  /// The directories that mounts would come from and that a rehearsal did not make.
  func missingSources(of request: RunRequest) -> [Step] {
    var missing: [Path] = []
    for mount in request.mounts {
      var path: Path
      switch mount {
      case .bind(let source, _, _, _): path = source
      case .volume(let directory, _, _): path = directory.map { Path($0) } ?? ""
      case .tmpfs: continue
      }
      var chain: [Path] = []
      while path.isAbsolute, path != "/", !missing.contains(path), !exists(path) {
        chain.append(path)
        path = path.parent
      }
      missing += chain.reversed()
    }
    let own = state.volumes.parent
    return missing.map { path in
      let isOwn = path.bytes.starts(with: own.bytes) && path.name != "_data"
      return .file(.makeDirectory(path, mode: isOwn ? 0o700 : 0o755))
    }
  }

  /// Of a container that never came to be: no record says which they are, but their names begin as its identifier does.
  func removeAnonymousVolumes(of identifier: ContainerIdentifier) {
    for name in volumes.anonymousNames(for: identifier.description) { removeAnonymousVolume(name) }
  }

  private func checkSource(_ source: Path, target: Path, creates: Bool, rehearsal: Bool) throws(Failure) {
    if exists(source) { return }
    guard creates else {
      throw Failure(
        .notFound, "the mount's source \(source) does not exist",
        hint: "make it first (mkdir -p \(source)), or use -v \(source):\(target), which does")
    }
    if rehearsal { return }
    do throws(Fault) { try makeDirectories(source, mode: 0o755) } catch {
      throw Failure("cannot make the mount's source \(source)", error)
    }
  }
}

extension MountRequest {
  var target: Path {
    switch self {
    case .bind(_, let target, _, _), .volume(_, let target, _), .tmpfs(let target, _): target
    }
  }
}
