internal import Arguments
internal import Containers
internal import Engine
internal import JSON
internal import Kernel

extension InspectCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let template = try arguments.string("format").map { try Template($0) }
    var found: [JSONValue] = []
    let code = forEach(arguments.positionals) { word in
      found.append(try describe(word, type: arguments.string("type"), engine, arguments))
    }
    _ = try printing { out in
      if let template {
        for value in found { out.line(try template.text(value)) }
      } else {
        out.print(JSONValue.array(found).jsonString(.pretty))
      }
    }
    return code
  }

  /// A container by preference, else an image, else a network, as docker looks.
  private static func describe(
    _ word: String, type: String?, _ engine: Engine, _ arguments: ParsedArguments
  ) throws -> JSONValue {
    if type == nil || type == "container" {
      do throws(Failure) {
        let identifier = try engine.find(word)
        var found = try engine.inspection(of: identifier)
        if arguments.flag("size"), case .object(var members) = found, let sizes = engine.sizes(of: identifier) {
          members["SizeRw"] = .number(.integer(sizes.own))
          members["SizeRootFs"] = .number(.integer(sizes.total))
          found = .object(members)
        }
        return found
      } catch {
        if type != nil || error.kind != .notFound { throw error }
      }
    }
    if type == nil || type == "image", let image = try engine.imageInspection(of: word) { return image }
    if type == nil || type == "network", let network = try engine.networkInspection(of: word) { return network }
    throw Failure(
      .notFound, "no such object: \(word)", hint: "skiff ps -a, skiff images and skiff network ls list them")
  }
}
