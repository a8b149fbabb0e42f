internal import Blobs
package import ImageSpec
internal import JSON
package import Kernel
package import Layers
internal import SPDX

/// A staging that ends as an image of the local store rather than as a directory.
package struct StagedImage {
  package let reference: Reference
  package let plan: StagePlan
  let base: Image?
  let store: ImageStore
  /// Where the files come from.
  let host: Path
  /// A directory of this process alone.
  private let scratch: Path
  let built: Path
  /// Dockerfile instructions for the image's defaults.
  private let changes: [String]

  /// Reads and decides; an image that has the name already gets a layer with what it lacks.
  ///
  /// - Parameters:
  ///   - changes: Dockerfile instructions for the image's defaults, as `commit --change` takes them.
  ///   - directory: where trees are built: on the file system of the store, so that they become layers by rename.
  package init(
    _ request: StageRequest, as reference: Reference, changes: [String] = [], in store: ImageStore,
    buildingIn directory: Path
  ) throws(StageFailure) {
    self.reference = reference
    self.store = store
    self.changes = changes
    host = request.host
    scratch = directory.appending("\(processIdentifier())")
    var request = request
    request.directory = scratch.appending("root")
    // A layer of the store is read by many containers; its files are its own.
    request.copying = .automatic
    base = try Self.image(reference, in: store)
    request.lower = base?.lowerdirs ?? []
    var plan = try StagePlan(request)
    plan.directory = Path(reference.familiar)
    self.plan = plan
    built = request.directory
    // Before anything is built for nothing.
    _ = try defaults(over: ContainerDefaults())
  }

  private func defaults(over defaults: ContainerDefaults) throws(StageFailure) -> ContainerDefaults {
    var changed = defaults
    do throws(ImageSpecError) { try changed.apply(changes: changes) } catch {
      throw StageFailure(.unusable, "--change: \(error)")
    }
    return changed
  }

  private static func image(_ reference: Reference, in store: ImageStore) throws(StageFailure) -> Image? {
    do throws(StoreError) {
      let found = try store.resolve(reference.familiar)
      // What merely begins like an identifier has another name.
      return found.tags.contains(reference.familiar) ? found : nil
    } catch {
      if error.kind == .notFound { return nil }
      throw StageFailure(error)
    }
  }

  /// Performs the steps and names the image. Nil in `image` when it lacked nothing.
  ///
  /// - Parameter createdBy: the command, for the image's history.
  package func perform(createdBy: String) throws(StageFailure) -> (image: Image?, times: [UInt64]) {
    if base != nil, plan.newFiles.isEmpty, changes.isEmpty { return (nil, []) }
    sweep()
    var plan = plan
    plan.directory = built
    // What is built is the store's: nobody else looks inside (CVE-2021-41091).
    do throws(Fault) { try makeDirectories(scratch.parent, mode: 0o700) } catch {
      throw StageFailure("cannot build an image in \(scratch.parent)", error)
    }
    defer { try? removeTree(scratch) }
    let times = try plan.perform()
    let defaults = try defaults(over: base?.config.config ?? firstDefaults)
    do throws(StoreError) {
      let files = try billedFiles()
      let image = try publish(defaults, createdBy: createdBy)
      try store.attach(bill(of: image, files).jsonBytes(.pretty), type: BillOfMaterials.mediaType, to: image)
      return (image, times)
    } catch { throw StageFailure(error) }
  }

  private func publish(_ defaults: ContainerDefaults, createdBy: String) throws(StoreError) -> Image {
    if let base {
      var commit = Commit(base: base, upper: built)
      commit.createdBy = createdBy
      commit.config = defaults
      return try store.commit(commit, reference: reference)
    }
    var config = ImageConfig()
    config.config = defaults
    return try store.createImage(fromTree: built, reference: reference, config: config, createdBy: createdBy)
  }

  private var firstDefaults: ContainerDefaults {
    var defaults = ContainerDefaults()
    defaults.env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    defaults.cmd = command
    return defaults
  }

  /// What a container runs when it is told nothing else: the program that was asked for first.
  private var command: [String] {
    let asked = plan.files.first { file in file.why.contains { $0.kind == .asked } }
    return asked.map { [$0.path.string] } ?? []
  }

  /// Trees that a killed run left behind.
  private func sweep() {
    for entry in (try? entries(of: scratch.parent)) ?? [] {
      guard let process = ProcessIdentifier(entry.name.string), process != processIdentifier(),
        !exists(Path("/proc/\(process)"))
      else { continue }
      try? removeTree(scratch.parent.appending(entry.name))
    }
  }
}

extension StageFailure {
  init(_ error: StoreError) {
    self.init(error.kind == .notFound ? .notFound : .host, error.message, hint: error.hint)
  }
}
