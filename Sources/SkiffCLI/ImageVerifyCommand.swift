internal import Arguments
internal import Blobs
internal import Engine
internal import Layers

extension ImageVerify {
  static let perform: Perform = { arguments in
    let store = try arguments.engine.images()
    let verified = try telling { () throws(StoreError) in try store.verify(arguments.positionals) }
    _ = try printing { out in
      for image in verified where image.damages.isEmpty { out.line("\(printable(image.name)): whole") }
    }
    let damaged = verified.filter { !$0.damages.isEmpty }
    for image in damaged {
      for damage in image.damages { complain("\(image.name): \(damage)") }
    }
    if let first = damaged.first {
      complain(
        "\(damaged.count) of \(verified.count) images \(damaged.count == 1 ? "is" : "are") damaged",
        hint: "load \(first.name) again from an archive, or skiff rmi -f \(first.name) takes away what is left of it")
    }
    return damaged.isEmpty ? 0 : 1
  }
}
