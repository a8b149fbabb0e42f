internal import Archives
package import Blobs
internal import Containers
package import ImageSpec
package import JSON
package import Kernel
package import Layers

// Containers and the images that they are made from.

extension Engine {
  package func images() throws(Failure) -> ImageStore {
    do throws(StoreError) { return try ImageStore(root: state.root) } catch { throw Failure(error) }
  }

  func imageDefaults(of request: RunRequest) throws(Failure) -> ImageDefaults {
    switch request.root {
    case .directory(let path):
      guard let status = try? status(of: path), status.kind == .directory else {
        throw Failure(
          .notFound, "the root \(path) is not a directory", hint: "skiff stage \(path) bash ls makes one")
      }
      let overrides = try overrides(of: request, over: ContainerDefaults())
      return ImageDefaults(config: ContainerDefaults().overridden(by: overrides), overrides: overrides)
    case .image(let text):
      let store = try images()
      let hold: ImageHold
      let image: Image
      do throws(StoreError) {
        hold = try ImageHold(on: store)
        let layout = LayoutReference(text, from: "/")
        image = if let layout { try store.resolve(layout) } else { try store.resolve(text) }
        // A store that nobody may write to serves all the same.
        try? store.layers.makeMountPointLayer(
          directories: DefaultSpec.directoryMountPoints, files: DefaultSpec.fileMountPoints)
      } catch { throw Failure(error) }
      var defaults = ImageDefaults(
        image, reference: text, try overrides(of: request, over: image.config.config))
      defaults.hold = hold
      return defaults
    }
  }

  /// With what `--env-merge` makes of the defaults; `-e` and the like come after it.
  private func overrides(
    of request: RunRequest, over defaults: ContainerDefaults
  ) throws(Failure) -> ContainerOverrides {
    var overrides = request.overrides
    guard !request.mergedVariables.isEmpty else { return overrides }
    do throws(OptionError) {
      overrides.env =
        try EnvironmentMerge.entries(request.mergedVariables, over: [DefaultSpec.path] + defaults.env) + overrides.env
    } catch { throw Failure(.usage, "--env-merge: \(error.reason)", hint: error.suggestion) }
    return overrides
  }

  /// Who stands on an image, for `rmi` to respect: the containers that were made from it, and mounts.
  package func users(of image: Digest) -> [ImageUser] {
    let containers = ((try? summaries(includingEnded: true)) ?? []).filter {
      let record = $0.record
      return record.imageIdentifier == image.description
        || record.mounts.contains { $0.imageIdentifier == image.description }
    }.map { ImageUser(container: $0.record.name, isRunning: $0.state.status.isLive) }
    return containers + imageMounts.all().filter { $0.image == image }.map { ImageUser(mountedAt: $0.path) }
  }

  /// What a container changed of its image, as docker's diff says it.
  package func changes(of word: String) throws(Failure) -> [Change] {
    let (record, files) = try layered(word, doing: "compare")
    do throws(StoreError) {
      return try overlayChanges(
        upper: files.upper, lowers: record.lower.map { Path($0) }, mountPoints: DefaultSpec.mountPoints)
    } catch { throw Failure(error) }
  }

  /// The container's upper layer as the top layer of a new image.
  ///
  /// - Parameter changes: Dockerfile instructions for its defaults.
  package func commit(
    _ word: String, as reference: String?, author: String?, message: String?, changes: [String], pauses: Bool
  ) throws(Failure) -> Image {
    let (record, files) = try layered(word, doing: "commit")
    let store = try images()
    // Frozen, so that no file is half written while it is packed.
    let pause = pauses ? freeze(files.identifier) : nil
    defer { if pause != nil { thaw(files.identifier) } }
    passKillSwitch("commit", 0)
    do {
      let name = try reference.map { try Reference($0) }
      var commit = Commit(base: try base(of: record, in: store), upper: files.upper)
      // As docker: what the container runs with becomes the image's, and what --change says comes last.
      commit.config = commit.config.overridden(by: record.overrides)
      try commit.config.apply(changes: changes)
      commit.mountPoints = DefaultSpec.mountPoints
      commit.author = author
      commit.comment = message
      commit.createdBy = record.command.joined(separator: " ")
      return try store.commit(commit, reference: name)
    } catch let error as StoreError {
      throw Failure(error)
    } catch {
      throw Failure(.usage, "\(error)")
    }
  }

  /// An image that runs where it lies has to be in the store before another is made of it.
  private func base(of record: ContainerRecord, in store: ImageStore) throws(StoreError) -> Image {
    do throws(StoreError) { return try store.resolve(record.imageIdentifier) } catch {
      guard error.kind == .notFound, let layout = LayoutReference(record.image, from: "/") else { throw error }
      throw StoreError(
        .notFound, "the image of \(record.name) is in \(layout.path), and not in the store",
        hint: "skiff load -i \(layout.path) takes it in; then commit again")
    }
  }

  /// The layers of what a container's root shows, topmost first, its own changes included: what `export` packs.
  package func rootLayers(of word: String) throws(Failure) -> [Path] {
    let identifier = try find(word)
    let record = try record(of: identifier)
    if record.lower.isEmpty { return [Path(record.rootDirectory)] }
    return [store.files(of: identifier).upper] + record.lower.map { Path($0) }
  }

  private func layered(
    _ word: String, doing what: String
  ) throws(Failure) -> (ContainerRecord, ContainerFiles) {
    let identifier = try find(word)
    let record = try record(of: identifier)
    guard !record.lower.isEmpty else {
      throw Failure(
        .conflict, "cannot \(what) \(word): it runs on the directory \(record.rootDirectory), which has no layers",
        hint: "run it from an image: skiff stage -t NAME …")
    }
    return (record, store.files(of: identifier))
  }

  /// What `inspect` says of an image, nil when there is none by that name.
  package func imageInspection(of word: String) throws(Failure) -> JSONValue? {
    let store = try images()
    do throws(StoreError) {
      let image = try store.find(word)
      let config = image.config.config
      return [
        "Id": .string(image.id.description), "RepoTags": .array(image.tags.map(JSONValue.string)),
        "RepoDigests": .array(image.repositoryDigests.map(JSONValue.string)),
        "Digest": .string(image.manifestDigest.description),
        "Created": .string(image.config.created ?? ""), "Architecture": .string(image.config.platform.architecture),
        "Os": .string(image.config.platform.os), "Size": .number(.integer(image.size)),
        "Author": .string(image.config.author ?? ""),
        "Comment": .string(image.config.history.last?.comment ?? ""),
        "Config": [
          "User": .string(config.user), "Env": .array(config.env.map(JSONValue.string)),
          "Entrypoint": .array(config.entrypoint.map(JSONValue.string)),
          "Cmd": .array(config.cmd.map(JSONValue.string)), "WorkingDir": .string(config.workingDir),
          "Labels": object(config.labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }),
          "Volumes": object(config.volumes.map { ($0, [:]) }),
          "ExposedPorts": object(config.exposedPorts.map { ($0, [:]) }), "StopSignal": .string(config.stopSignal),
        ],
        "RootFS": [
          "Type": "layers", "Layers": .array(image.config.diffIDs.map { .string($0.description) }),
        ],
      ]
    } catch {
      if error.kind == .notFound || error.kind == .invalid { return nil }
      throw Failure(error)
    }
  }
}

private func object(_ members: [(String, JSONValue)]) -> JSONValue {
  var object = JSONObject()
  for (name, value) in members { object[name] = value }
  return .object(object)
}

extension ImageDefaults {
  init(_ image: Image, reference: String, _ overrides: ContainerOverrides) {
    self.init(
      config: image.config.config.overridden(by: overrides), overrides: overrides, identifier: image.id.description,
      lower: image.lowerdirs, reference: reference)
  }
}

extension Failure {
  package init(_ error: StoreError) {
    let kind: Failure.Kind =
      switch error.kind {
      case .notFound: .notFound
      case .conflict: .conflict
      case .invalid: .usage
      default: .host
      }
    self.init(kind, error.message, hint: error.hint ?? error.fault?.usualHint)
  }
}
