internal import Arguments
internal import Containers
internal import Engine
internal import Explain
internal import ImageSpec
internal import Kernel
internal import Staging

extension StageCommand {
  static let perform: Perform = { arguments in
    do { return try stage(arguments) } catch let failure as StageFailure {
      throw Failure(failure.kind == .notFound ? .notFound : .host, failure.description, hint: failure.hint)
    }
  }

  private static func stage(_ arguments: ParsedArguments) throws -> Int32 {
    if arguments.isSet("tag") { return try stageImage(arguments) }
    guard arguments.positionals.count >= 2 || !arguments.strings("path").isEmpty else {
      throw arguments.fail("it takes a directory and at least one binary")
    }
    let plan = try StagePlan(request(arguments, Path(arguments.positionals[0]), programs: 1))
    let glass = try Glass(arguments)
    let title = "skiff stage " + arguments.positionals.joined(separator: " ")
    let showsSteps = showsSteps(arguments, glass)
    if showsSteps { try glass.show(ExplainedRun(title: title, host: plan.steps)) }
    if !glass.isRehearsal {
      let times = try plan.perform()
      try glass.showTimings(times, of: plan.steps, title: title)
    }
    // A script on standard output stays one.
    if showsSteps { return 0 }
    try show(plan, arguments)
    return 0
  }

  static func request(_ arguments: ParsedArguments, _ directory: Path, programs first: Int) throws -> StageRequest {
    var request = StageRequest(
      programs: arguments.positionals.dropFirst(first).map { Path($0) }, directory: directory)
    request.paths = arguments.strings("path").map { Path($0) }
    request.extras = extras(arguments)
    request.copying = arguments.flag("link") ? .hardLinks : .automatic
    request.searchPath = (environment("PATH") ?? "").split(separator: ":").map { Path(String($0)) }
    request.locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment($0) }.first { !$0.isEmpty }
    request.terminal = environment("TERM")
    request.timeZone = environment("TZ")
    if directory.isEmpty { throw arguments.fail("the directory has an empty name") }
    if request.programs.contains(where: \.isEmpty) { throw arguments.fail("a binary has an empty name") }
    return request
  }

  private static func extras(_ arguments: ParsedArguments) -> StageExtras {
    if arguments.flag("bare") { return [] }
    let options: [(String, StageExtras)] = [
      ("nss", .nameServices), ("gconv", .converters), ("locale", .locale), ("certificates", .certificates),
      ("timezone", .timeZone), ("terminfo", .terminal), ("etc", .accounts), ("directories", .directories),
    ]
    var extras: StageExtras = arguments.flag("no-extras") ? [.directories] : .all
    for (name, extra) in options where arguments.flag("no-\(name)") { extras.remove(extra) }
    return extras
  }

  static func show(_ plan: StagePlan, _ arguments: ParsedArguments) throws {
    _ = try printing { out in
      if arguments.flag("json") { return out.print(bytes: StageReport(plan).json) }
      if arguments.flag("why") { out.print(StageReport(plan).reasons(out.colours)) }
      if !arguments.flag("quiet") { out.print(StageReport(plan).summary(out.colours)) }
    }
    let colours = Colours(of: .standardError)
    for note in plan.notes {
      try BorrowedDescriptor.standardError.write("\(colours.yellow)note:\(colours.plain) \(printable(note))\n")
    }
  }
}

extension StageCommand {
  private static func stageImage(_ arguments: ParsedArguments) throws -> Int32 {
    let name = arguments.string("tag") ?? ""
    let reference: Reference
    do { reference = try Reference(name) } catch { throw Failure(.usage, "--tag: \(error)") }
    guard !arguments.positionals.isEmpty || !arguments.strings("path").isEmpty else {
      throw arguments.fail("it takes at least one binary")
    }
    let state = try arguments.state
    let store = try arguments.engine.images()
    let staged = try StagedImage(
      request(arguments, Path(name), programs: 0), as: reference, changes: arguments.strings("change"), in: store,
      buildingIn: state.root.appending("staging"))
    let glass = try Glass(arguments)
    let title = "skiff stage -t \(name) " + arguments.positionals.joined(separator: " ")
    let showsSteps = showsSteps(arguments, glass)
    if showsSteps {
      try glass.show(ExplainedRun(title: title + ", the tree that becomes its layer", host: staged.plan.steps))
    }
    if !glass.isRehearsal {
      let done = try staged.perform(createdBy: title)
      try glass.showTimings(done.times, of: staged.plan.steps, title: title)
    }
    if !showsSteps { try show(staged.plan, arguments) }
    return 0
  }

  /// A rehearsal shows the steps, unless the files are asked for.
  private static func showsSteps(_ arguments: ParsedArguments, _ glass: Glass) -> Bool {
    arguments.isSet("explain") || (glass.isRehearsal && !arguments.flag("json") && !arguments.flag("why"))
  }
}
