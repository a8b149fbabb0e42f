internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import Layers

extension RmiCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let store = try engine.images()
    return forEach(arguments.positionals) { word in
      let removed = try telling { () throws(StoreError) in
        try store.remove(word, force: arguments.flag("force"), keeping: engine.layersInUse()) {
          engine.users(of: $0)
        }
      }
      engine.note(removed)
      _ = try printing { out in
        for step in removed {
          switch step {
          case .untagged(let name): out.line("Untagged: \(name)")
          case .deleted(let digest): out.line("Deleted: \(digest)")
          }
        }
      }
    }
  }
}
