internal import Arguments
internal import Containers
internal import Engine
internal import JSON
internal import Kernel

extension InspectCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let type = try arguments.choice("type", of: ["container", "image", "network", "volume"])
    return try show(arguments) { try describe($0, type: type, engine, withSize: arguments.flag("size")) }
  }

  /// Prints what is found of each word: a list of documents, or each through the template.
  static func show(_ arguments: ParsedArguments, find: (String) throws -> JSONValue) throws -> Int32 {
    let template = try arguments.string("format").map { try Template($0) }
    var found: [JSONValue] = []
    let code = forEach(arguments.positionals) { found.append(try find($0)) }
    _ = try printing { out in
      if let template {
        for value in found { out.line(try template.text(value)) }
      } else {
        out.print(JSONValue.array(found).jsonString(.pretty))
      }
    }
    return code
  }

  /// A container by preference, else an image, a network, a volume, as docker looks.
  private static func describe(
    _ word: String, type: String?, _ engine: Engine, withSize: Bool
  ) throws -> JSONValue {
    if type == nil || type == "container" {
      do throws(Failure) { return try container(word, engine, withSize: withSize) } catch {
        if type != nil || error.kind != .notFound { throw error }
      }
    }
    if type == nil || type == "image", let image = try engine.imageInspection(of: word) { return image }
    if type == nil || type == "network", let network = try engine.networkInspection(of: word) { return network }
    let what = type.map { "no such \($0): \(word)" } ?? "no such object: \(word)"
    let near = nearest(to: word, in: engine.knownNames()).map { "did you mean \($0)?" }
    throw Failure(
      .notFound, what, hint: near ?? "skiff ps -a, skiff images and skiff network ls list them")
  }

  static func container(_ word: String, _ engine: Engine, withSize: Bool) throws(Failure) -> JSONValue {
    let identifier = try engine.find(word)
    let found = try engine.fullInspection(of: identifier)
    guard withSize, case .object(var members) = found, let sizes = engine.sizes(of: identifier) else { return found }
    members["SizeRw"] = .number(.integer(sizes.own))
    members["SizeRootFs"] = .number(.integer(sizes.total))
    return .object(members)
  }
}
