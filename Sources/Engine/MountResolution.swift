internal import Kernel
internal import Volumes

// `-v`, `--mount` and the image's VOLUMEs: names become directories, missing sources are made or refused.

extension Engine {
  /// Puts a directory of the host in place of each volume's name.
  func resolveMounts(_ request: inout RunRequest, _ image: ImageDefaults) throws(Failure) {
    let taken = Set(request.mounts.map(\.target))
    for volume in image.volumes where !taken.contains(Path(volume)) {
      request.mounts.append(.volume(name: nil, target: Path(volume), options: []))
    }
    for index in request.mounts.indices {
      switch request.mounts[index] {
      case .bind(let source, let target, _, let createsSource):
        try checkSource(source, target: target, creates: createsSource)
      case .volume(let name, let target, let options):
        let directory = try volumeDirectory(name ?? anonymousName(), copyingUp: target, image)
        request.mounts[index] = .volume(name: directory.string, target: target, options: options)
      case .tmpfs: break
      }
    }
  }

  private func checkSource(_ source: Path, target: Path, creates: Bool) throws(Failure) {
    if exists(source) { return }
    guard creates else {
      throw Failure(
        .notFound, "the mount's source \(source) does not exist",
        hint: "make it first (mkdir -p \(source)), or use -v \(source):\(target), which does")
    }
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
