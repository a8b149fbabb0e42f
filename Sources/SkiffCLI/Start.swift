internal import Arguments
internal import Containers
internal import Engine
internal import Journal
internal import Kernel
internal import Monitoring
internal import Planning

extension StartCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let glass = try Glass(arguments, hasTimings: false)
    let attaches = arguments.flag("attach") || arguments.flag("interactive")
    if arguments.flag("boot") {
      guard arguments.positionals.isEmpty, !attaches else {
        throw arguments.fail("--boot starts what should run by its restart policy: it takes no names, -a or -i")
      }
      return forEach(try engine.wantedAtBoot()) { word in _ = try start(word, engine, glass) }
    }
    guard !arguments.positionals.isEmpty else {
      throw arguments.fail("it needs a container", suggestion: "'skiff ps -a' lists them")
    }
    guard attaches else { return forEach(arguments.positionals) { word in _ = try start(word, engine, glass) } }
    guard arguments.positionals.count == 1 else {
      throw arguments.fail("-a and -i attach to one container, and \(arguments.positionals.count) are named")
    }
    return try startAttached(arguments.positionals[0], engine, glass, arguments)
  }

  /// Says its name when it runs, as docker does; for one that runs already, too.
  static func start(_ word: String, _ engine: Engine, _ glass: Glass = Glass()) throws {
    let identifier = try engine.find(word)
    guard let socket = try begin(identifier, word, engine, glass) else {
      if !glass.isRehearsal { _ = try printing { $0.line(word) } }
      return
    }
    let record = try engine.record(of: identifier)
    let code = try RunCommand.detach(socket, record, says: word)
    // What went wrong has been said.
    if code != 0 { throw AlreadySaid(code: 1) }
  }

  private static func startAttached(
    _ word: String, _ engine: Engine, _ glass: Glass, _ arguments: ParsedArguments
  ) throws -> Int32 {
    let identifier = try engine.find(word)
    let record = try engine.record(of: identifier)
    let sendsInput = arguments.flag("interactive") && record.isInteractive
    if record.hasTerminal && sendsInput { try requireTerminal() }
    if !glass.isRehearsal { engine.note(.attach, record) }
    let begun = try begin(identifier, word, engine, glass)
    if glass.isRehearsal { return 0 }
    let socket: Descriptor
    if let begun {
      socket = begun
    } else {
      socket = try engine.connect(to: identifier, named: word)
      _ = try socket.borrowed.send(Frame.subscribe.bytes)
    }
    return try attach(
      socket, record, engine,
      AttachOptions(
        sendsInput: sendsInput, hasTerminal: record.hasTerminal,
        forwardsSignals: arguments.optionalFlag("sig-proxy") ?? true),
      keys: try arguments.detachKeys, whenStarted: { engine.leaveNetworks() })
  }

  /// Hands it to a supervisor. Nil when there was nothing to do: it runs, or this is a rehearsal.
  private static func begin(
    _ identifier: ContainerIdentifier, _ word: String, _ engine: Engine, _ glass: Glass
  ) throws -> Descriptor? {
    guard let lock = try engine.lockForStart(identifier, named: word) else { return nil }
    if glass.isRehearsal {
      try show(try engine.prepareStart(identifier, rehearsal: true), glass, engine)
      try? lock.remove()
      return nil
    }
    // Gets ready, on another processor, while the rest is thought through and written down.
    let supervisor = try engine.startSupervisor(of: identifier, isTimed: false)
    let prepared = try engine.prepareStart(identifier, rehearsal: false)
    for warning in prepared.warnings { complain("warning: \(warning)") }
    if glass.isWanted { try show(prepared, glass, engine) }
    return try engine.start(try engine.perform(prepared, lock: lock), by: supervisor)
  }

  private static func show(_ prepared: PreparedStart, _ glass: Glass, _ engine: Engine) throws {
    let files = engine.store.files(of: prepared.identifier)
    try glass.show(
      preparation: prepared.explainedSteps, plan: try engine.launchPlan(of: prepared),
      title: "skiff start, container \(prepared.record.name)", identifier: prepared.identifier.description,
      ownDirectories: [files.directory, files.runDirectory])
  }
}

extension RestartCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let signal = try arguments.signal("signal")
    let timeout = try arguments.integer("timeout") ?? arguments.integer("time")
    return forEach(arguments.positionals) { word in
      if let note = try engine.stop(word, signal: signal, timeout: timeout, cause: .restart) {
        complain("\(word): \(note)")
      }
      try StartCommand.start(word, engine)
      engine.note(.restart, word)
    }
  }
}

extension PauseCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    return forEach(arguments.positionals) { word in
      try engine.pause(word)
      _ = try printing { $0.line(word) }
    }
  }
}

extension UnpauseCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    return forEach(arguments.positionals) { word in
      try engine.unpause(word)
      _ = try printing { $0.line(word) }
    }
  }
}
