internal import Arguments
internal import Containers
internal import Engine
internal import Journal
internal import Kernel
internal import Monitoring
internal import Planning
internal import Steps
internal import Terminals

extension RunCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.unhealedEngine
    let request = try RunRequest(arguments, isDetached: arguments.flag("detach"))
    let glass = try Glass(arguments)
    if request.hasTerminal && request.isInteractive && !request.isDetached { try requireTerminal() }
    if let code = try request.pullsImage(arguments, engine) { return code }
    if !glass.isRehearsal { try replace(request, arguments, engine) }
    let identifier = try engine.newIdentifier()
    if glass.isRehearsal {
      let prepared = try engine.prepare(request, as: identifier, rehearsal: true)
      try show(prepared, try engine.launchPlan(of: prepared), glass, engine)
      return 0
    }
    var identifierFile = try IdentifierFile.make(arguments)
    // Gets ready, on another processor, while the container is thought through and written down.
    let supervisor = try engine.startSupervisor(of: identifier, isTimed: glass.isTimed)
    let lock = try engine.reserve(identifier)
    let prepared: PreparedContainer
    do { prepared = try engine.prepare(request, as: identifier, rehearsal: false) } catch {
      try? lock.remove()
      throw error
    }
    for warning in prepared.warnings { complain("warning: \(warning)") }
    // The same pure compilation that the supervisor performs: what is printed is what runs.
    let plan = glass.isWanted || glass.isTimed ? try engine.launchPlan(of: prepared) : LaunchPlan()
    if glass.isWanted { try show(prepared, plan, glass, engine) }
    let begin = monotonicNanoseconds()
    let created = try engine.create(prepared, lock: lock)
    let record = created.record
    passKillSwitch("command", 0)
    let attached = now()
    let socket = try engine.start(created, by: supervisor)
    // Written while the supervisor is at work, and told as of before its start.
    if !request.isDetached { engine.note(.attach, record, at: attached) }
    passKillSwitch("command", 1)
    try identifierFile?.write(record.identifier)
    if request.isDetached {
      // What earlier calls left behind is taken away while the container starts, on the other processor.
      engine.heal()
      passKillSwitch("command", 2)
      return try detach(socket, record) { try glass.showTimings($0, of: plan, total: monotonicNanoseconds() - begin) }
    }
    return try attach(
      socket, record, engine,
      request.attachOptions(forwardingSignals: arguments.optionalFlag("sig-proxy") ?? true),
      keys: try arguments.detachKeys,
      whenStarted: {
        engine.leaveNetworks()
        engine.heal()
      }
    ) { try glass.showTimings($0, of: plan, total: monotonicNanoseconds() - begin) }
  }

  /// `--replace`: the container that has the name goes first, with its address and its ports, but not before all else about
  /// the new one has been found good.
  static func replace(_ request: RunRequest, _ arguments: ParsedArguments, _ engine: Engine) throws {
    guard arguments.flag("replace") else { return }
    guard let name = request.name else { throw arguments.fail("--replace needs --name, which says what is replaced") }
    guard (try? engine.find(name)) != nil else { return }
    try engine.checkReplacement(request)
    do throws(Failure) { try engine.remove(name, force: true, withVolumes: true) } catch {
      if error.kind != .notFound { throw error }
    }
  }

  private static func show(
    _ prepared: PreparedContainer, _ plan: LaunchPlan, _ glass: Glass, _ engine: Engine
  ) throws {
    let files = engine.store.files(of: prepared.identifier)
    try glass.show(
      preparation: prepared.explainedSteps, plan: plan, title: "skiff run, container \(prepared.record.name)",
      identifier: prepared.identifier.description, ownDirectories: [files.directory, files.runDirectory])
  }

  /// `-d`: returns when the program runs.
  static func detach(
    _ socket: consuming Descriptor, _ record: ContainerRecord, says word: String? = nil,
    showTimings: ([String]) throws -> Void = { _ in }
  ) throws -> Int32 {
    var timings: [String] = []
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = try socket.borrowed.receive(into: &buffer)
      guard count > 0 else { throw lostSupervisor(record) }
      received.append(contentsOf: buffer[..<count])
      guard let frames = Frame.take(from: &received) else { throw lostSupervisor(record) }
      for frame in frames {
        switch frame {
        case .timing(let line): timings.append(line)
        case .failed(let code, let message, let hint): return fail(code, message, hint)
        case .started:
          try showTimings(timings)
          return try printing { $0.line(word ?? record.identifier) }
        case .exited, .output, .errors, .subscribe, .input, .inputEnd, .resize, .signal: break
        }
      }
    }
  }
}

extension CreateCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let request = try RunRequest(arguments)
    let glass = try Glass(arguments, hasTimings: false)
    if let code = try request.pullsImage(arguments, engine) { return code }
    if !glass.isRehearsal { try RunCommand.replace(request, arguments, engine) }
    var identifierFile = glass.isRehearsal ? nil : try IdentifierFile.make(arguments)
    let identifier = try engine.newIdentifier()
    let lock = try engine.reserve(identifier)
    let prepared: PreparedContainer
    do { prepared = try engine.prepare(request, as: identifier, rehearsal: glass.isRehearsal, starts: false) } catch {
      try? lock.remove()
      throw error
    }
    for warning in prepared.warnings { complain("warning: \(warning)") }
    if glass.isWanted {
      let files = engine.store.files(of: identifier)
      try glass.show(
        preparation: prepared.explainedSteps, plan: LaunchPlan(),
        title: "skiff create, container \(prepared.record.name)",
        identifier: identifier.description, ownDirectories: [files.directory, files.runDirectory])
    }
    if glass.isRehearsal {
      try? lock.remove()
      return 0
    }
    let created = try engine.create(prepared, lock: lock)
    created.rest()
    try identifierFile?.write(identifier.description)
    return try printing { $0.line(identifier.description) }
  }
}

extension AttachCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let word = arguments.positionals[0]
    let identifier = try engine.find(word)
    let record = try engine.record(of: identifier)
    let sendsInput = record.isInteractive && !arguments.flag("no-stdin")
    if record.hasTerminal && sendsInput { try requireTerminal() }
    let socket = try engine.connect(to: identifier, named: word)
    _ = try socket.borrowed.send(Frame.subscribe.bytes)
    engine.note(.attach, record)
    return try attach(
      socket, record, engine,
      AttachOptions(
        sendsInput: sendsInput, hasTerminal: record.hasTerminal,
        forwardsSignals: arguments.optionalFlag("sig-proxy") ?? true),
      keys: try arguments.detachKeys)
  }
}

/// Before anything is made: a terminal that is not there cannot be put into raw mode.
func requireTerminal() throws(Failure) {
  if isTerminal(.standardInput) { return }
  throw Failure(.usage, "the input device is not a TTY", hint: "leave out -t when input comes from a pipe or a file")
}

/// Connects the user's streams to a container until one of the two ends it; the exit code.
func attach(
  _ socket: consuming Descriptor, _ record: ContainerRecord, _ engine: Engine, _ options: AttachOptions,
  keys: DetachKeys,
  whenStarted: @escaping () -> Void = {}, showTimings: ([String]) throws -> Void = { _ in }
) throws -> Int32 {
  let end: AttachEnd
  let timings: [String]
  do {
    // First what keeps a signal from ending this process, then what must be given back on every way out of this scope.
    var client = try AttachClient(
      socket, options, keys: keys,
      whenResized: { engine.note(.resize, record, ["height": "\($0)", "width": "\($1)"]) })
    let raw = options.hasTerminal && options.sendsInput ? try RawTerminal(.standardInput) : nil
    end = client.run(whenStarted: whenStarted)
    timings = client.timings
    try raw?.restore()
  }
  try showTimings(timings)
  switch end {
  case .exited(let code, let message):
    if !message.isEmpty { complain("\(record.name): \(message)") }
    return code
  case .failed(let code, let message, let hint): return fail(code, message, hint)
  case .detached:
    engine.note(.detach, record)
    endLine()
    return 0
  case .interrupted(let signal):
    // A terminal that is gone has nobody to tell.
    if signal != Signal.hangUp { complain("left \(record.name), which goes on", hint: goingOn(record)) }
    return 128 + signal
  case .unwritable(let errno):
    complain("left \(record.name), which goes on: nobody reads its output: \(errno)", hint: goingOn(record))
    return errno == .brokenPipe ? 128 + Signal.pipe : 125
  case .lost: throw lostSupervisor(record)
  }
}

/// After the detach keys: the prompt that comes next is not to stand behind what the container said last.
func endLine() { try? BorrowedDescriptor.standardError.write("\n") }

private func goingOn(_ record: ContainerRecord) -> String {
  "'skiff attach \(record.name)' comes back to it, 'skiff rm -f \(record.name)' ends it"
}

private func fail(_ code: Int32, _ message: String, _ hint: String) -> Int32 {
  complain(message, hint: hint.isEmpty ? nil : hint)
  return code
}

private func lostSupervisor(_ record: ContainerRecord) -> Failure {
  Failure(
    .host, "the supervisor of \(record.name) was killed",
    hint: "the next skiff command takes away what it left behind")
}
