internal import Arguments
internal import Blobs
internal import Engine
internal import ImageSpec
internal import JSON
internal import Kernel
internal import Layers

extension HistoryCommand {
  static let perform: Perform = { arguments in
    let store = try arguments.engine.images()
    let image = try telling { () throws(StoreError) in try store.find(arguments.positionals[0]) }
    let isShort = !arguments.flag("no-trunc")
    let isHuman = arguments.optionalFlag("human") ?? true
    let steps = steps(of: image)
    return try printing { out in
      if arguments.flag("quiet") {
        for step in steps { out.line(step.identifier(isShort)) }
      } else if let format = arguments.string("format"), format != "table" {
        out.print(try Template.lines(format, steps.map { $0.fields(isShort, isHuman) }, headings: headings))
      } else {
        var table = Table("IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT")
        for step in steps {
          table.add(
            step.identifier(isShort), step.time(isHuman), step.command(isShort), step.size(isHuman), step.comment)
        }
        out.print(table.text)
      }
    }
  }

  private static let headings: KeyValuePairs = [
    "ID": "IMAGE", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "CreatedBy": "CREATED BY", "Size": "SIZE",
    "Comment": "COMMENT",
  ]

  private struct Step {
    /// Only the last step's result is an image; those before it are `<missing>`, as docker says of them.
    var image: Digest?
    var history: ImageConfig.History
    /// Bytes of its layer as it is kept; zero for a step that changed the config only.
    var layerSize: Int64
    var created: Timestamp? { history.created.flatMap { Timestamp(rfc3339: $0) } }
    var comment: String { history.comment ?? "" }

    func identifier(_ isShort: Bool) -> String { image.map { isShort ? $0.short : $0.description } ?? "<missing>" }

    func time(_ isHuman: Bool) -> String {
      isHuman ? created.map { humanAge(of: $0) } ?? "N/A" : history.created ?? ""
    }

    /// At most 45 columns, tabs as spaces.
    func command(_ isShort: Bool) -> String {
      let text = String((history.createdBy ?? "").map { $0 == "\t" ? " " : $0 })
      return isShort ? shortened(text, to: 45) : text
    }

    func size(_ isHuman: Bool) -> String { isHuman ? humanSize(layerSize) : String(layerSize) }

    func fields(_ isShort: Bool, _ isHuman: Bool) -> JSONValue {
      [
        "ID": .string(identifier(isShort)), "CreatedSince": .string(time(isHuman)),
        "CreatedAt": .string(history.created ?? ""), "CreatedBy": .string(command(isShort)),
        "Size": .string(size(isHuman)), "Comment": .string(comment),
      ]
    }
  }

  /// The newest first. Layers that no step tells of, because a tool wrote no history, are steps without a word.
  private static func steps(of image: Image) -> [Step] {
    var config = image.config
    config.completeHistory()
    var sizes = image.manifest.layers.map(\.size)[...]
    var steps = config.history.map { history in
      Step(history: history, layerSize: history.emptyLayer ? 0 : sizes.popFirst() ?? 0)
    }
    if !steps.isEmpty { steps[steps.count - 1].image = image.id }
    return steps.reversed()
  }
}
