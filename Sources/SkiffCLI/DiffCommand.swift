internal import Arguments
internal import Engine
internal import JSON
internal import Kernel
internal import Layers

extension DiffCommand {
  static let perform: Perform = { arguments in
    let changes = try arguments.engine.changes(of: arguments.positionals[0])
    return try printing { out in
      if arguments.flag("json") {
        out.print(JSONValue.array(changes.map(value)).jsonString(.pretty))
        return
      }
      // The container chose these names: a script gets them as they are, a terminal without what would steer it.
      let isSeen = isTerminal(.standardOutput)
      for change in changes {
        let path = isSeen ? Array(printable(change.path.string).utf8) : Array(change.path.bytes)
        out.print(bytes: Array("\(change.kind.rawValue) ".utf8) + path + [0x0a])
      }
    }
  }

  /// As docker's interface numbers the kinds.
  private static func value(_ change: Change) -> JSONValue {
    let kind: JSONValue =
      switch change.kind {
      case .changed: 0
      case .added: 1
      case .deleted: 2
      }
    return ["Path": .string(change.path.string), "Kind": kind]
  }
}
