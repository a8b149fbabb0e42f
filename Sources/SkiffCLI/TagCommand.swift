internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import Journal
internal import Layers

extension TagCommand {
  static let perform: Perform = { arguments in
    let words = arguments.positionals
    let engine = try arguments.engine
    let store = try engine.images()
    let name: Reference
    do throws(ImageSpecError) { name = try Reference(words[1]) } catch { throw arguments.fail("\(error.reason)") }
    let image = try telling { () throws(StoreError) in
      let image = try store.find(words[0])
      try store.tag(image, as: name)
      return image
    }
    engine.note(.image, .tag, of: image.id.description, ["name": name.familiar])
    return 0
  }
}
