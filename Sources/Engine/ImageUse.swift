internal import Containers
package import JSON
internal import Kernel

extension Engine {
  func imageDefaults(of request: RunRequest) throws(Failure) -> ImageDefaults {
    switch request.root {
    case .directory(let path):
      guard let status = try? status(of: path), status.kind == .directory else {
        throw Failure(
          .notFound, "the root \(path) is not a directory", hint: "skiff stage \(path) bash ls makes one")
      }
      return ImageDefaults()
    case .image: throw Failure(.notFound, "images are not wired yet")
    }
  }

  package func imageInspection(of word: String) throws(Failure) -> JSONValue? { nil }
  package func networkInspection(of word: String) throws(Failure) -> JSONValue? { nil }
}
