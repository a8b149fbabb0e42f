internal import Archives
internal import Arguments
internal import Blobs
internal import Engine
internal import Journal
internal import Layers

extension ExportCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let layers = try engine.rootLayers(of: arguments.positionals[0])
    let store = try engine.images()
    try withOutput(arguments.string("output"), arguments) { file in
      try telling { () throws(StoreError) in try store.exportRoot(layers, to: file) }
    }
    engine.note(.export, arguments.positionals[0])
    return 0
  }
}
