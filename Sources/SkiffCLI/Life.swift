internal import Arguments
internal import Engine
internal import Kernel

// stop, kill, rm, wait: each takes names and echoes those that it served.

extension StopCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let signal = try arguments.signal("signal")
    let timeout = try arguments.integer("timeout") ?? arguments.integer("time")
    if arguments.flag("shutdown") {
      guard arguments.positionals.isEmpty else { throw arguments.fail("--shutdown stops all: it takes no names") }
      let names = try engine.stopAll(timeout: timeout)
      return try printing { out in for name in names { out.line(name) } }
    }
    guard !arguments.positionals.isEmpty else {
      throw arguments.fail("it needs a container", suggestion: "'skiff ps' lists them")
    }
    return forEach(arguments.positionals) { word in
      if let note = try engine.stop(word, signal: signal, timeout: timeout) { complain("\(word): \(note)") }
      _ = try printing { $0.line(word) }
    }
  }
}

extension KillCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let signal = try arguments.signal("signal") ?? Signal.kill
    return forEach(arguments.positionals) { word in
      try engine.kill(word, signal: signal)
      _ = try printing { $0.line(word) }
    }
  }
}

extension RmCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let force = arguments.flag("force")
    return forEach(arguments.positionals) { word in
      do throws(Failure) {
        try engine.remove(word, force: force, withVolumes: arguments.flag("volumes"))
      } catch {
        // `rm -f` of what is not there is a success, as with docker and rm(1).
        if force && error.kind == .notFound { return }
        throw error
      }
      _ = try printing { $0.line(word) }
    }
  }
}

extension WaitCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    return forEach(arguments.positionals) { word in
      let code = try engine.waitForExit(of: word)
      _ = try printing { $0.line("\(code)") }
    }
  }
}
