internal import Containers
internal import Kernel
internal import RuntimeSpec
internal import Steps

// Files that a container gets of its own when it is made: the rules of its time zone, and secrets. They lie in its
// directory, which is root's alone, so that each later start finds them, after a boot too; no image that is made of it has
// them. Secrets of a container that is started once and removes itself lie in /run instead, and are on no disk.

extension Engine {
  func keepingSteps(_ files: ContainerFiles, _ request: RunRequest, secrets place: Path) -> [FileStep] {
    var steps: [FileStep] = []
    if let zone = request.timezone {
      steps.append(.copyFile(from: Self.rules(of: zone), to: files.timezone, mayLink: false))
    }
    if !request.secrets.isEmpty {
      if place == files.passingSecrets { steps.append(.makeDirectory(files.runDirectory, mode: 0o700)) }
      steps.append(.makeDirectory(place, mode: 0o700))
    }
    for (number, secret) in request.secrets.enumerated() {
      let target = place.appending(Path("\(number)"))
      switch secret.place {
      case .file(_, let mode, let user, let group):
        steps.append(.copySecret(from: secret.source, to: target, mode: mode, user: user, group: group))
      case .variable:
        steps.append(.copySecret(from: secret.source, to: target, mode: 0o400, user: 0, group: 0))
      }
    }
    return steps
  }

  private static func rules(of zone: String) -> Path {
    zone == "local" ? "/etc/localtime" : Path("/usr/share/zoneinfo/\(zone)")
  }

  /// Also that secrets are there: a step that fails names no option.
  func checkTimezone(of request: RunRequest) throws(Failure) {
    for secret in request.secrets {
      let status = try? status(of: secret.source)
      if let status, status.kind != .regular {
        throw Failure(.usage, "the secret \(secret.name) is refused: \(secret.source) is no regular file")
      }
      if status == nil {
        throw Failure(
          .notFound, "the secret \(secret.name) is not there: \(secret.source) is no file of this host",
          hint: "write it first, readable for you alone: umask 077; cat >\(secret.source)")
      }
    }
    guard let zone = request.timezone else { return }
    let path = Self.rules(of: zone)
    guard let status = try? status(of: path), status.kind == .regular else {
      throw Failure(
        .notFound, "no such time zone on this host: \(path) is not there",
        hint: zone == "local"
          ? "name one: --tz Europe/Berlin" : "install the package tzdata, or look into /usr/share/zoneinfo")
    }
  }

  /// Variables that are secrets stand in no configuration; the process alone has them.
  func addSecrets(of record: ContainerRecord, _ files: ContainerFiles, to spec: inout Spec) throws(Failure) {
    guard record.options.secrets.contains(where: { !$0.contains("=") }) else { return }
    let place = record.removesItself && exists(files.passingSecrets) ? files.passingSecrets : files.secrets
    for (number, name) in record.options.secrets.enumerated() where !name.contains("=") {
      do throws(Fault) {
        let bytes = try readFile(place.appending(Path("\(number)")), limit: 1 << 20)
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
          throw Fault("setenv", .invalid, arguments: name, hint: "its contents are no text: leave out type=env")
        }
        spec.process?.env.removeAll { $0.hasPrefix(name + "=") }
        spec.process?.env.append("\(name)=\(text)")
      } catch { throw Failure("cannot give \(record.name) its secret \(name)", error) }
    }
  }
}

extension SpecBuilder.PreparedFiles {
  /// The mounts of what is kept.
  func kept(for request: RunRequest, options: [String]) -> [Spec.Mount] {
    func bind(_ source: Path, _ target: String) -> Spec.Mount {
      Spec.Mount(
        destination: target, type: "bind", source: source.string,
        options: ["bind", "ro", "nosuid", "nodev", "noexec", "rprivate"] + options)
    }
    var mounts = request.timezone == nil ? [] : [bind(timezone, "/etc/localtime")]
    for (number, secret) in request.secrets.enumerated() {
      guard case .file(let target, _, _, _) = secret.place else { continue }
      mounts.append(bind(secrets.appending(Path("\(number)")), target.string))
    }
    return mounts
  }
}
