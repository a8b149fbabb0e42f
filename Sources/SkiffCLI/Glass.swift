internal import Arguments
internal import Engine
internal import Explain
internal import Kernel
internal import Planning
internal import Steps

/// What a call wants to see of its own steps: `--explain`, `--dry-run`, `--timings`.
struct Glass {
  enum Form { case text, shell, json }

  private let form: Form?
  let isRehearsal: Bool
  let isTimed: Bool

  init() {
    form = nil
    isRehearsal = false
    isTimed = false
  }

  /// - Parameter hasTimings: the command takes --timings.
  init(_ arguments: ParsedArguments, hasTimings: Bool = true) throws(UsageError) {
    switch try arguments.choice("explain", of: ["text", "shell", "json"]) {
    case "text": form = .text
    case "shell": form = .shell
    case "json": form = .json
    default: form = nil
    }
    isRehearsal = arguments.flag("dry-run")
    isTimed = hasTimings && arguments.flag("timings")
  }

  var isScript: Bool { form == .shell }

  /// Whether there is something to print before the first step: a rehearsal without a word would be useless.
  var isWanted: Bool { form != nil || isRehearsal }

  /// A container's whole plan: what the command does to make it, then what its supervisor does.
  func show(
    preparation: [Step], plan: LaunchPlan, title: String, identifier: String, ownDirectories: [Path]
  ) throws {
    var run = ExplainedRun(
      title: title, identifier: identifier, ownDirectories: ownDirectories, host: preparation + plan.host,
      namespaces: plan.namespaces, cgroup: plan.cgroup,
      wiring: plan.wiring, joining: plan.joining, building: plan.building, finishing: plan.finishing)
    if let runtime = plan.runtime { run.runtime = runtime.call }
    try show(run)
  }

  /// - Parameter host: what happens there before.
  func show(_ plan: ExecPlan, title: String, host: [Step] = []) throws {
    try show(ExplainedRun(title: title, host: host, cgroup: plan.cgroup, finishing: plan.joining + plan.finishing))
  }

  /// The lines of a supervisor, `PHASE INDEX NANOSECONDS`, as a table of steps.
  func showTimings(_ lines: [String], of plan: LaunchPlan, total: UInt64) throws {
    guard isTimed else { return }
    var parts: [PartTimings] = []
    for phase in Phase.allCases {
      let steps = plan[phase]
      let timings = lines.compactMap { line -> Explain.StepTiming? in
        let words = line.split(separator: " ").compactMap { UInt64($0) }
        guard words.count == 3, words[0] == UInt64(phase.rawValue), let index = Int(exactly: words[1]),
          steps.indices.contains(index)
        else { return nil }
        return Explain.StepTiming(step: steps[index], nanoseconds: words[2])
      }
      if !timings.isEmpty { parts.append(PartTimings(title: "\(phase)", timings: timings)) }
    }
    try BorrowedDescriptor.standardError.write(ExplanationText().timings(parts, totalNanoseconds: total))
  }

  /// The same of an exec: joining is what building is to a container.
  func showTimings(_ lines: [String], of plan: ExecPlan, total: UInt64) throws {
    try showTimings(lines, of: LaunchPlan(building: plan.joining, finishing: plan.finishing), total: total)
  }

  /// What `stage` or another command did in a process of its own.
  func showTimings(_ times: [UInt64], of steps: [Step], title: String) throws {
    guard isTimed else { return }
    let timings = zip(steps, times).map { Explain.StepTiming(step: $0, nanoseconds: $1) }
    let text = ExplanationText().timings(
      [PartTimings(title: title, timings: timings)], totalNanoseconds: times.reduce(0, +))
    try BorrowedDescriptor.standardError.write(text)
  }

  func show(_ run: ExplainedRun) throws {
    if isScript, let runtime = run.runtime {
      throw Failure(
        .usage,
        "--explain=shell is refused: \(runtime.program) makes this container, and what it does is its own affair",
        hint: "--explain shows the calls of it and the steps that are Skiff's; without --runtime all of them are")
    }
    _ = try printing { out in
      let text = ExplanationText(hasColours: out.colours.isOn)
      switch form {
      case .shell: out.print(run.script)
      case .json: out.print(bytes: run.json)
      case .text: out.print(text.text(of: run))
      case nil: out.print(text.dryRun(of: run))
      }
    }
  }
}
