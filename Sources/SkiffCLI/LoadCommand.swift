internal import Archives
internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import Kernel
internal import Layers

extension LoadCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let store = try engine.images()
    let choice = ImageChoice(platform: try platform(arguments))
    let kept = engine.layersInUse()
    let loaded: [LoadedImage]
    if let name = arguments.string("input"), name != "-" {
      let path = Path(name)
      if (try? status(of: path))?.kind == .directory {
        loaded = try taking { () throws(StoreError) in try store.load(layout: path, choice, keeping: kept) }
      } else {
        let file = try openInput(path)
        loaded = try taking { () throws(StoreError) in
          try store.load(archive: file.borrowed, choice, keeping: kept)
        }
      }
    } else {
      if isTerminal(.standardInput) {
        throw arguments.fail(
          "requested load from stdin, but stdin is a terminal", suggestion: "skiff load -i FILE, or skiff load < FILE")
      }
      loaded = try taking { () throws(StoreError) in
        try store.load(archive: .standardInput, choice, keeping: kept)
      }
    }
    return try printing { out in
      for image in loaded { show(image, isQuiet: arguments.flag("quiet"), into: &out) }
    }
  }

  /// An archive that is refused is no mistake in the words of the command: it exits with 1, as docker does.
  static func taking<Result>(_ body: () throws(StoreError) -> Result) throws(Failure) -> Result {
    do throws(StoreError) { return try body() } catch {
      var failure = Failure(error)
      if failure.kind == .usage { failure.kind = .conflict }
      throw failure
    }
  }

  /// Docker's lines; what a name meant before is told, as it has lost it.
  private static func show(_ image: LoadedImage, isQuiet: Bool, into out: inout Output) {
    if !isQuiet {
      for displaced in image.displaced {
        out.line(
          "The image \(displaced.name) already exists, renaming the old one with ID \(displaced.id) to empty string")
      }
    }
    if image.names.isEmpty { out.line("Loaded image ID: \(image.id)") }
    for name in image.names { out.line("Loaded image: \(name)") }
  }

  static func openInput(_ path: Path) throws -> Descriptor {
    do throws(Fault) { return try open(path, .readOnly) } catch {
      throw Failure("cannot read the archive \(path)", error)
    }
  }

  /// `--platform`, read.
  static func platform(_ arguments: ParsedArguments) throws -> Platform? {
    guard let text = arguments.string("platform") else { return nil }
    do throws(ImageSpecError) { return try Platform(text) } catch {
      throw arguments.bad("platform", text, error.reason)
    }
  }
}
