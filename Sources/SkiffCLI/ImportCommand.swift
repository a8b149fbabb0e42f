internal import Archives
internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import Journal
internal import Kernel
internal import Layers

extension ImportCommand {
  static let perform: Perform = { arguments in
    let source = arguments.positionals[0]
    if source.hasPrefix("http://") || source.hasPrefix("https://") {
      throw arguments.fail(
        "\(source) is not fetched: import reads a file or standard input",
        suggestion: "curl -fsSL \(source) | skiff import - NAME")
    }
    if (try? status(of: Path(source)))?.kind == .directory {
      throw arguments.fail(
        "\(source) is a directory, and import reads a tar of one",
        suggestion: "tar -C \(source) -c . | skiff import - NAME")
    }
    let engine = try arguments.engine
    let store = try engine.images()
    var config = ImageConfig(platform: try LoadCommand.platform(arguments) ?? .host)
    var name: Reference?
    do throws(ImageSpecError) {
      try config.config.apply(changes: arguments.strings("change"))
      if arguments.positionals.count > 1 { name = try Reference(arguments.positionals[1]) }
    } catch { throw arguments.fail(error.reason) }
    let comment = arguments.string("message") ?? "Imported from \(source)"
    func take(_ file: BorrowedDescriptor) throws -> Image {
      try LoadCommand.taking { () throws(StoreError) in
        try store.importRoot(tar: file, as: name, config, comment: comment, keeping: { engine.layersInUse() })
      }
    }
    let image: Image
    if source == "-" {
      if isTerminal(.standardInput) { throw arguments.fail("standard input is a terminal, and no tar comes from it") }
      image = try take(.standardInput)
    } else {
      let file = try LoadCommand.openInput(Path(source))
      image = try take(file.borrowed)
    }
    engine.note(.image, .import, of: image.id.description, ["name": name?.familiar ?? image.id.description])
    return try printing { $0.line(image.id.description) }
  }
}
