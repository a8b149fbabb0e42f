internal import Arguments
internal import Engine

extension UpdateCommand {
  static let perform: Perform = { arguments in
    let change = try ResourceRequest(arguments, isChange: true)
    if change == ResourceRequest() { throw arguments.fail("a limit to change is missing: give one, such as -m 512m") }
    let engine = try arguments.engine
    return forEach(arguments.positionals) { word in
      try engine.update(word, change)
      _ = try printing { $0.line(word) }
    }
  }
}
