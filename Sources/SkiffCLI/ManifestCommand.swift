internal import Arguments
internal import Blobs
internal import Engine
internal import JSON
internal import Layers

extension ManifestCommand {
  static let inspect: Perform = { arguments in
    let store = try arguments.engine.images()
    let bytes = try telling { () throws(StoreError) in
      try store.document(of: arguments.positionals[0])
    }
    let document = try JSONValue(parsing: bytes)
    return try printing { $0.print(document.jsonString(.pretty)) }
  }
}
