internal import Blobs
internal import Containers
internal import ImageSpec
internal import Journal
internal import Kernel
internal import Layers
internal import Privileges
internal import Steps
internal import Volumes

// `-v`, `--mount`, `--volumes-from` and the image's VOLUMEs become records: names become directories, missing sources are
// made or refused. What a start then needs stands in the records, so that one which comes later finds the same.

/// What a container's mounts come to.
struct ResolvedMounts {
  /// Those of a path before those below it.
  var records: [MountRecord] = []
  /// The volumes that were made for this container alone.
  var anonymous: [String] = []
  /// Nothing of theirs is removed before the container's record is on disk.
  let hold = MountHold()
}

/// What mounts stand on, held until the record says so.
final class MountHold: Sendable {
  private let held = Monitor((volumes: [VolumeHold](), images: [ImageHold]()))

  func add(_ volume: VolumeHold) { held.update { $0.volumes.append(volume) } }
  func add(_ image: ImageHold) { held.update { $0.images.append(image) } }

  /// Whether a volume is held already, which then needs no other lock: a command that waited for its own would wait for ever.
  func holds(_ directory: Path) -> Bool { held.update { $0.volumes.contains { $0.directory == directory } } }

  func end() {
    held.update {
      for volume in $0.volumes { volume.end() }
      for image in $0.images { image.end() }
      $0 = ([], [])
    }
  }
}

extension Engine {
  var volumes: VolumeStore { VolumeStore(root: state.volumes, run: state.runningVolumes) }

  func resolveMounts(
    _ request: RunRequest, _ image: ImageDefaults, user: ResolvedUser, for identifier: ContainerIdentifier,
    rehearsal: Bool
  ) throws(Failure) -> ResolvedMounts {
    var resolved = ResolvedMounts()
    do throws(Failure) {
      var requests = request.mounts
      // What is asked for by itself comes before what another container has.
      resolved.records = try inheritedMounts(request, without: Set(requests.map(\.target)))
      let taken = Set(requests.map(\.target) + resolved.records.map { Path($0.destination) })
      for volume in image.config.volumes {
        let target: Path
        do throws(OptionError) { target = try mountTarget(volume) } catch {
          throw Failure(.usage, "the image is refused: its VOLUME \"\(volume)\": \(error.reason)")
        }
        if !taken.contains(target) { requests.append(MountRequest(.volume(nil), form: .image, target: target)) }
      }
      let context = MountContext(
        layers: layers(of: request, image), identifier: identifier, user: user, userNamespace: request.userNamespace,
        isRehearsal: rehearsal)
      let nameless = try makeNameless(requests, context, resolved.hold)
      for (index, mount) in requests.enumerated() {
        resolved.records.append(try resolve(mount, nameless[index], context, &resolved))
      }
      // As docker: a mount would cover what was mounted below it before.
      resolved.records = resolved.records.enumerated().sorted { one, other in
        let (a, b) = (Path(one.element.destination).components.count, Path(other.element.destination).components.count)
        return a == b ? one.offset < other.offset : a < b
      }.map(\.element)
      return resolved
    } catch {
      resolved.hold.end()
      throw error
    }
  }

  /// - Parameter nameless: the volume that was made for it alone.
  private func resolve(
    _ mount: MountRequest, _ nameless: String?, _ context: MountContext, _ resolved: inout ResolvedMounts
  ) throws(Failure) -> MountRecord {
    let kind: MountRecord.Kind =
      switch mount.what {
      case .bind: .bind
      case .volume: .volume
      case .tmpfs: .tmpfs
      case .image: .image
      }
    var record = MountRecord(kind, at: mount.target.string, form: mount.form)
    record.options = mount.options.filter { $0 != "nocopy" && $0 != "U" }
    record.mode = mount.mode
    record.subpath = mount.subpath
    switch mount.what {
    case .bind(let source):
      try checkSource(source, mount, rehearsal: context.isRehearsal)
      record.source = source.string
    case .volume(let given):
      if given == nil, let nameless {
        record.name = nameless
        resolved.anonymous.append(nameless)
        record.source = volumes.mountpoint(of: nameless).string
      } else {
        record.name = given ?? VolumeStore.anonymousName(for: context.identifier.description)
        if given == nil { resolved.anonymous.append(record.name) }
        record.source = try volumeDirectory(record.name, mount, context, resolved.hold).string
      }
    case .tmpfs: break
    case .image(let reference): try resolveImage(reference, &record, resolved.hold)
    }
    if mount.options.contains("U"), !context.isRehearsal { try changeOwner(of: record, context) }
    return record
  }

  /// A directory of the host is an image of one layer.
  private func layers(of request: RunRequest, _ image: ImageDefaults) -> [Path] {
    if case .directory(let path) = request.root { [path] } else { image.lower }
  }

  // MARK: - Volumes

  /// Makes the volumes that nobody named and that are plain directories, all in one go.
  ///
  /// - Returns: their names, by the numbers of the requests.
  private func makeNameless(
    _ requests: [MountRequest], _ context: MountContext, _ hold: MountHold
  ) throws(Failure) -> [Int: String] {
    if context.isRehearsal { return [:] }
    var wanted: [NamelessVolume] = []
    var names: [Int: String] = [:]
    for (index, mount) in requests.enumerated() where mount.driverOptions.isEmpty && mount.labels.isEmpty {
      guard case .volume(nil) = mount.what else { continue }
      let copies = !mount.options.contains("nocopy") && mount.subpath.isEmpty
      let name = VolumeStore.anonymousName(for: context.identifier.description)
      names[index] = name
      wanted.append(NamelessVolume(name, at: mount.target, copies: copies))
    }
    do throws(Fault) {
      for held in try volumes.make(wanted, layers: context.layers) { hold.add(held) }
    } catch { throw Failure("cannot prepare the container's volumes", error) }
    for volume in wanted { note(.volume, .create, of: volume.name, ["driver": "local"]) }
    return names
  }

  private func volumeDirectory(
    _ name: String, _ mount: MountRequest, _ context: MountContext, _ hold: MountHold
  ) throws(Failure) -> Path {
    guard VolumeStore.isValid(name: name) else {
      throw Failure(
        .usage, "\"\(name)\" is no volume name", hint: "letters, digits, _ . and -; a path of the host starts with /")
    }
    if context.isRehearsal { return state.volumes.appending(name).appending("_data") }
    if !mount.driverOptions.isEmpty || !mount.labels.isEmpty {
      _ = try createVolume(name, labels: mount.labels, options: mount.driverOptions)
    }
    // A second place of one volume: what was copied into it came from the first.
    let directory = volumes.mountpoint(of: name)
    if hold.holds(directory) { return directory }
    let isNew = !exists(state.volumes.appending(name))
    do throws(Fault) {
      let copies = !mount.options.contains("nocopy") && mount.subpath.isEmpty
      let held = try volumes.directory(
        name, for: context.identifier.description, copyingUp: mount.target, layers: copies ? context.layers : [])
      hold.add(held)
      if isNew { note(.volume, .create, of: name, ["driver": "local"]) }
      return held.directory
    } catch { throw Failure("cannot prepare volume \(name)", error) }
  }

  /// One that another container has by now is not this one's alone any more.
  func removeAnonymousVolumes(_ names: [String], of owner: ContainerIdentifier) {
    if names.isEmpty { return }
    let removed = volumes.removeAll(names) { Set(volumeUsers(without: [owner]).filter { !$0.value.isEmpty }.keys) }
    for name in removed { noteDestruction(ofVolume: name) }
  }

  /// Of a container that never came to be: no record says which they are, but their names begin as its identifier does.
  func removeAnonymousVolumes(of identifier: ContainerIdentifier) {
    for name in volumes.anonymousNames(for: identifier.description) { try? volumes.remove(name) }
  }

  // MARK: - What others have

  private func inheritedMounts(_ request: RunRequest, without taken: Set<Path>) throws(Failure) -> [MountRecord] {
    var found: [MountRecord] = []
    for inherited in request.inheritedMounts {
      let record = try record(of: try find(inherited.container))
      for var mount in record.mounts where mount.kind != .tmpfs {
        let target = Path(mount.destination)
        if taken.contains(target) { continue }
        found.removeAll { Path($0.destination) == target }
        mount.form = .inherited
        if inherited.isReadOnly && !mount.isReadOnly {
          mount.options = mount.options.filter { $0 != "rw" } + ["ro", "rro"]
        }
        found.append(mount)
      }
    }
    return found
  }

  private func resolveImage(
    _ reference: String, _ record: inout MountRecord, _ hold: MountHold
  ) throws(Failure) {
    let store = try images()
    do throws(StoreError) {
      hold.add(try ImageHold(on: store))
      let image = try store.resolve(reference)
      record.name = reference
      record.imageIdentifier = image.id.description
      record.layers = image.lowerdirs.map(\.string)
    } catch { throw Failure(error) }
  }

  // MARK: - Directories of the host

  private func checkSource(_ source: Path, _ mount: MountRequest, rehearsal: Bool) throws(Failure) {
    if exists(source) { return }
    guard mount.createsSource else {
      let asked = "type=bind,source=\(source),target=\(mount.target),bind-create-src"
      throw Failure(
        .notFound, "the mount's source \(source) does not exist",
        hint: "make it first (mkdir -p \(source)), or have it made: --mount \(asked)")
    }
    if rehearsal { return }
    do throws(Fault) { try makeDirectories(source, mode: 0o755) } catch {
      throw Failure("cannot make the mount's source \(source)", error)
    }
  }

  /// The directories that mounts would come from and that a rehearsal did not make.
  func missingSources(of mounts: [MountRecord]) -> [Step] {
    var missing: [Path] = []
    for mount in mounts where mount.kind == .bind || mount.kind == .volume {
      var path = Path(mount.source)
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
}

/// Whom mounts are resolved for.
struct MountContext {
  /// What volumes are filled from.
  var layers: [Path]
  var identifier: ContainerIdentifier
  var user: ResolvedUser
  var userNamespace: UserNamespaceRequest?
  var isRehearsal: Bool
}
