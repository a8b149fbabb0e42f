internal import Containers
internal import Kernel
internal import Launching
internal import RuntimeSpec
internal import Steps

// Files that a container gets of its own. The rules of its time zone lie in its directory, from when it is made. Secrets are
// copied to /run at each start, from the files that hold them, and are gone with its end: no disk and no image has them.

/// Where a container's record says that a secret comes from, and how its copy is to look.
struct SecretSource: Hashable {
  var file: Path
  var mode: FileMode = 0o400
  var user: UInt32 = 0
  var group: UInt32 = 0

  init(of secret: SecretRequest) {
    file = secret.source
    if case .file(_, let mode, let user, let group) = secret.place {
      (self.mode, self.user, self.group) = (mode, user, group)
    }
  }

  init?(_ word: String) {
    let fields = word.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
    guard fields.count == 4, let mode = UInt32(fields[0], radix: 8), let user = UInt32(fields[1]),
      let group = UInt32(fields[2]), fields[3].hasPrefix("/")
    else { return nil }
    (file, self.mode, self.user, self.group) = (Path(String(fields[3])), FileMode(rawValue: mode), user, group)
  }

  /// As the record keeps it.
  var word: String { "\(String(mode.rawValue, radix: 8)):\(user):\(group):\(file)" }
}

extension Engine {
  func keepingSteps(_ files: ContainerFiles, _ request: RunRequest) -> [FileStep] {
    guard let zone = request.timezone else { return [] }
    return [.copyFile(from: Self.rules(of: zone), to: files.timezone, mayLink: false)]
  }

  private static func rules(of zone: String) -> Path {
    zone == "local" ? "/etc/localtime" : Path("/usr/share/zoneinfo/\(zone)")
  }

  func checkKept(_ request: RunRequest) throws(Failure) {
    for secret in request.secrets { try checkSecret(secret.name, secret.source) }
    guard let zone = request.timezone else { return }
    let path = Self.rules(of: zone)
    guard let status = try? status(of: path), status.kind == .regular else {
      throw Failure(
        .notFound, "no such time zone on this host: \(path) is not there",
        hint: zone == "local"
          ? "name one: --tz Europe/Berlin" : "install the package tzdata, or look into /usr/share/zoneinfo")
    }
  }

  // MARK: - Secrets

  /// That they are there: a step that fails names no option.
  func checkSecrets(of record: ContainerRecord) throws(Failure) {
    for (word, source) in zip(record.options.secrets, record.options.secretSources) {
      guard let source = SecretSource(source) else { continue }
      try checkSecret(String(word.prefix { $0 != "=" }), source.file)
    }
  }

  private func checkSecret(_ name: String, _ file: Path) throws(Failure) {
    guard let status = try? status(of: file) else {
      throw Failure(
        .notFound, "the secret \(name) is not there: \(file) is no file of this host",
        hint: "write it first, readable for you alone: umask 077; cat >\(file)")
    }
    if status.kind != .regular {
      throw Failure(.usage, "the secret \(name) is refused: \(file) is no regular file")
    }
  }

  /// - Parameter spec: the container's, whose ids their owners are.
  func secretSteps(_ files: ContainerFiles, _ record: ContainerRecord, _ spec: Spec) -> [FileStep] {
    let sources = record.options.secretSources.compactMap { SecretSource($0) }
    if sources.isEmpty { return [] }
    var steps: [FileStep] = [.makeDirectory(files.secrets, mode: 0o700)]
    for (number, source) in sources.enumerated() {
      // Not by an idmapped mount: a tmpfs, as /run is, can have one since Linux 6.3 only.
      steps.append(
        .copySecret(
          from: source.file, to: files.secrets.appending(Path("\(number)")), mode: source.mode,
          user: (spec.linux?.uidMappings ?? []).onHost(source.user),
          group: (spec.linux?.gidMappings ?? []).onHost(source.group)))
    }
    return steps
  }

  /// For the next life that a restart policy gives. One whose file is gone by now stays as the last life had it: nobody is
  /// there to be told.
  func renewSecrets(of record: ContainerRecord, _ files: ContainerFiles) {
    guard !record.options.secretSources.isEmpty, let spec = try? specification(of: record, files) else { return }
    for step in secretSteps(files, record, spec) {
      if case .copySecret(let file, _, _, _, _) = step, (try? status(of: file).kind) != .regular { continue }
      _ = try? performOnHost(.file(step))
    }
  }

  /// What a container has below /run. Its secrets go first: while anything else is left, the rest is known to be there.
  func removeRun(_ files: ContainerFiles) throws(Fault) {
    try removeTree(files.secrets)
    try removeTree(files.runDirectory)
  }

  /// Variables that are secrets stand in no configuration; the process alone has them.
  func addSecrets(of record: ContainerRecord, _ files: ContainerFiles, to spec: inout Spec) throws(Failure) {
    guard record.options.secrets.contains(where: { !$0.contains("=") }) else { return }
    let place = record.options.secretSources.isEmpty ? files.keptSecrets : files.secrets
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
    func bind(_ source: Path, _ target: String, _ options: [String]) -> Spec.Mount {
      Spec.Mount(
        destination: target, type: "bind", source: source.string,
        options: ["bind", "ro", "nosuid", "nodev", "noexec", "rprivate"] + options)
    }
    var mounts = request.timezone == nil ? [] : [bind(timezone, "/etc/localtime", options)]
    for (number, secret) in request.secrets.enumerated() {
      guard case .file(let target, _, _, _) = secret.place else { continue }
      mounts.append(bind(secrets.appending(Path("\(number)")), target.string, []))
    }
    return mounts
  }
}

extension [Spec.IDMapping] {
  /// The host's number of a container's id; the same where the container has no user namespace of its own.
  fileprivate func onHost(_ id: UInt32) -> UInt32 {
    for map in self where id >= map.containerID && id - map.containerID < map.size {
      return map.hostID + (id - map.containerID)
    }
    return id
  }
}
