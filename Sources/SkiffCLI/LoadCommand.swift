internal import Archives
internal import Arguments
internal import Blobs
internal import Containers
internal import Engine
internal import ImageSpec
internal import Journal
internal import Kernel
internal import Layers
internal import RegistryRequests

extension LoadCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    var request = try arguments.registryRequest(.load, "")
    let choice = ImageChoice(platform: try platform(arguments))
    var file: Descriptor?
    if let name = arguments.string("input"), name != "-" {
      let path = Path(name)
      if (try? status(of: path))?.kind == .directory {
        request.name = name
      } else {
        file = try openInput(path)
      }
    } else if isTerminal(.standardInput) {
      throw arguments.fail(
        "requested load from stdin, but stdin is a terminal", suggestion: "skiff load -i FILE, or skiff load < FILE")
    }
    let input = file.view ?? .standardInput
    let store = try engine.images()
    // Where the helper inflates faster, it does all of it. One that cannot be run is no reason not to load.
    if RegistryHelper.inflatesFaster, let helper = RegistryHelper.find() {
      request.root = engine.state.root.string
      if let code = try? helper.run(request, input: input) {
        // It knows nothing of containers, and so leaves what it took over of an archive that proved bad.
        if code != 0 { try? store.removeUnreferencedIfFree(keeping: engine.layersInUse()) }
        return code
      }
    }
    let loaded = try taking { () throws(StoreError) in
      request.name.isEmpty
        ? try store.load(archive: input, choice, keeping: { engine.layersInUse() })
        : try store.load(layout: Path(request.name), choice, keeping: { engine.layersInUse() })
    }
    for image in loaded {
      engine.note(.image, .load, of: image.id.description, ["name": image.names.first ?? image.id.description])
    }
    return try printing { out in
      for line in loaded.flatMap({ $0.report(isQuiet: request.isQuiet) }) { out.line(line) }
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
