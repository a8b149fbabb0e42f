internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import Layers

extension TagCommand {
  static let perform: Perform = { arguments in
    let words = arguments.positionals
    let store = try arguments.engine.images()
    let name: Reference
    do throws(ImageSpecError) { name = try Reference(words[1]) } catch { throw arguments.fail("\(error.reason)") }
    try telling { () throws(StoreError) in try store.tag(try store.find(words[0]), as: name) }
    return 0
  }
}
