internal import Arguments
internal import Containers
internal import Engine

extension UpdateCommand {
  static let perform: Perform = { arguments in
    let change = try ResourceRequest(arguments, isChange: true)
    let restart = try arguments.restartPolicy
    if change == ResourceRequest(), restart == nil {
      throw arguments.fail("a limit to change is missing: give one, such as -m 512m")
    }
    let engine = try arguments.engine
    return forEach(arguments.positionals) { word in
      try engine.update(word, change, restart: restart)
      _ = try printing { $0.line(word) }
    }
  }
}

extension ParsedArguments {
  /// `--restart`.
  var restartPolicy: RestartPolicy? {
    get throws(UsageError) {
      try value("restart", "expected no, always, unless-stopped or on-failure[:COUNT]") { RestartPolicy($0) }
    }
  }
}
