internal import Blobs
internal import Containers
internal import ImageSpec
internal import JSON
internal import Kernel
internal import Layers

/// Images that are mounted on the host for a person to look into.
///
/// ```
/// run/mounts/HEX/record.json   what is mounted, before it is
/// run/mounts/HEX/root          where
/// run/mounts/.lock             held while one is made or taken away
/// ```
/// The kernel is asked whether something is mounted, never a counter: a record whose mount is gone, by a crash or a boot, is
/// taken away by the next command.
package struct ImageMounts: Sendable {
  private let directory: Path

  init(in state: StateDirectories) { directory = state.run.appending("mounts") }

  private func place(_ image: Digest) -> Path { directory.appending(image.hex) }

  /// All that are recorded, by where they are.
  package func all() -> [ImageMount] {
    ((try? entries(of: directory)) ?? []).compactMap { Digest(hex: $0.name.string) }.compactMap { read($0) }
      .sorted { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
  }

  private func read(_ image: Digest) -> ImageMount? {
    guard let bytes = try? readRegularFile(place(image).appending("record.json"), limit: 1 << 20) else { return nil }
    return try? ImageMount(parsing: bytes)
  }

  /// Mounts the image read-only unless it is mounted already.
  ///
  /// - Parameter image: resolved, and held until this returns.
  func mount(_ image: Image) throws(Failure) -> ImageMount {
    guard isRootOfHost() else {
      throw Failure(
        .host, "an ordinary user's mount would end with this command, and so no image is mounted",
        hint: "skiff save writes its files into an archive; or run it with sudo")
    }
    do throws(Fault) {
      let lock = try locked()
      defer { hold(lock) }
      let root = place(image.id).appending("root")
      if let known = read(image.id), isMounted(root) { return known }
      try remove(image.id, force: false)
      try makeDirectories(place(image.id), mode: 0o700)
      let mount = ImageMount(
        image: image.id, names: image.tags, layers: image.config.diffIDs, path: root,
        namespace: try Self.namespace(), boot: try Self.boot())
      try replaceFile(place(image.id).appending("record.json"), with: mount.jsonBytes(.pretty), durable: false)
      passKillSwitch("mounting", 0)
      do throws(Fault) {
        try makeDirectory(root, mode: 0o755)
        passKillSwitch("mounting", 1)
        try mountLayers(image.lowerdirs, at: root)
        passKillSwitch("mounting", 2)
      } catch {
        try? remove(image.id, force: true)
        throw error
      }
      return mount
    } catch { throw Failure("cannot mount image \(image.tags.first ?? image.id.short)", error) }
  }

  /// - Parameter force: also one that somebody has open, which goes when it is closed, and one of another mount namespace,
  ///   of which only the record goes.
  package func unmount(_ mount: ImageMount, force: Bool) throws(Failure) {
    do throws(Fault) {
      let lock = try locked()
      defer { hold(lock) }
      try remove(mount.image, force: force)
    } catch {
      let name = mount.names.first ?? mount.image.short
      var failure = Failure("cannot unmount image \(name)", error)
      if error.errno == .busy {
        failure.hint = error.hint ?? "somebody has it open; --force takes it out of sight at once"
      }
      throw failure
    }
  }

  /// Takes away records whose mount is gone. Cheap where there is none.
  func heal() {
    let images = ((try? entries(of: directory)) ?? []).compactMap { Digest(hex: $0.name.string) }
    guard !images.isEmpty, let lock = try? locked() else { return }
    defer { hold(lock) }
    for image in images where !isMounted(place(image).appending("root")) { try? remove(image, force: false) }
  }

  /// The lock is held.
  private func remove(_ image: Digest, force: Bool) throws(Fault) {
    let place = place(image)
    guard exists(place) else { return }
    let root = place.appending("root")
    if isMounted(root) {
      try Kernel.unmount(root, detach: force)
    } else if !force, let known = read(image), known.boot == (try Self.boot()),
      known.namespace != (try Self.namespace())
    {
      throw Fault(
        "umount2", .busy, arguments: root.quoted,
        hint: "it was mounted in another mount namespace: unmount it there, or forget it with --force")
    }
    passKillSwitch("unmounting", 0)
    // rmdir(2) and not the removal of a tree: whatever may lie below it is no file of ours.
    do throws(Fault) { try removeDirectory(root) } catch { if error.errno != .noSuchFile { throw error } }
    passKillSwitch("unmounting", 1)
    do throws(Fault) { try removeFile(place.appending("record.json")) } catch {
      if error.errno != .noSuchFile { throw error }
    }
    passKillSwitch("unmounting", 2)
    try removeTree(place)
  }

  private func isMounted(_ root: Path) -> Bool {
    guard let top = try? status(of: root, followLinks: false), let above = try? status(of: root.parent) else {
      return false
    }
    return top.mountIdentifier != above.mountIdentifier
  }

  private func locked() throws(Fault) -> Descriptor {
    try makeDirectories(directory, mode: 0o700)
    return try openLock(directory.appending(".lock"))
  }

  private static func namespace() throws(Fault) -> String { try readSymbolicLink("/proc/thread-self/ns/mnt").string }

  private static func boot() throws(Fault) -> String { try readText("/proc/sys/kernel/random/boot_id") }
}

extension Engine {
  package var imageMounts: ImageMounts { ImageMounts(in: state) }

  /// `image mount`
  package func mountImage(_ word: String) throws(Failure) -> ImageMount {
    let store = try images()
    let hold: ImageHold
    let image: Image
    do throws(StoreError) {
      hold = try ImageHold(on: store)
      image = try store.resolve(word)
    } catch { throw Failure(error) }
    defer { hold.end() }
    return try imageMounts.mount(image)
  }

  /// `image unmount`: a mount by its image's name or identifier, its path or the name that the image had.
  package func unmountImage(_ word: String, force: Bool) throws(Failure) -> ImageMount {
    let mounts = imageMounts.all()
    let name = (try? Reference(word))?.familiar
    let image = try? images().find(word).id
    let found = mounts.first { mount in
      mount.path.string == word || mount.image == image || name.map { mount.names.contains($0) } == true
        || word.utf8.count >= 4 && (mount.image.hex.hasPrefix(word) || mount.image.description == word)
    }
    guard let found else {
      let known = mounts.map { $0.names.first ?? $0.image.short }
      throw Failure(
        .notFound, "image \(word) is not mounted",
        hint: known.isEmpty ? "no image is" : "mounted are: \(known.joined(separator: ", "))")
    }
    try imageMounts.unmount(found, force: force)
    return found
  }
}
