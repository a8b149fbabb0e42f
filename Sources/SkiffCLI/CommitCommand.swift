internal import Arguments
internal import Engine
internal import ImageSpec
internal import Journal
internal import Layers

extension CommitCommand {
  static let perform: Perform = { arguments in
    let words = arguments.positionals
    let engine = try arguments.engine
    let image = try engine.commit(
      words[0], as: words.count > 1 ? words[1] : nil, author: arguments.string("author"),
      message: arguments.string("message"), changes: arguments.strings("change"),
      pauses: arguments.optionalFlag("pause") ?? true)
    engine.note(
      .commit, words[0],
      [
        "imageID": image.id.description, "imageRef": words.count > 1 ? words[1] : "",
        "comment": arguments.string("message") ?? "",
      ])
    return try printing { $0.line(image.id.description) }
  }
}
