package import Steps
internal import JSON
internal import Kernel

/// A plan as text for a terminal.
package struct ExplanationText: Sendable {
  /// Colours, for a terminal that shows them.
  package var hasColours: Bool
  /// Longer lines are cut; what a file holds can be megabytes.
  package var maximumLine: Int

  package init(hasColours: Bool = false, maximumLine: Int = 400) {
    self.hasColours = hasColours
    self.maximumLine = maximumLine
  }

  /// Numbered steps: the sentence, its system calls, and after `$` the commands that do the same.
  package func text(of run: ExplainedRun) -> String {
    var lines: [String] = []
    var number = 0
    let count = run.parts.reduce(0) { $0 + $1.steps.count }
    lines.append(bold("\(Trace.clean(run.title)): \(count) step\(count == 1 ? "" : "s")"))
    for part in run.parts {
      lines += ["", bold(part.title), ""]
      for step in part.steps {
        number += 1
        lines += text(of: Explanation(of: step, in: run), number: number)
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The same for a plan that is not carried out.
  package func dryRun(of run: ExplainedRun) -> String {
    text(of: run) + "\n" + bold("Nothing was done: this was a dry run.") + "\n"
  }

  private func text(of explanation: Explanation, number: Int) -> [String] {
    let label = String(repeating: " ", count: max(0, 3 - "\(number)".count)) + "\(number)  "
    // The call is all that there is to know of such a step.
    let maximumLine = explanation.name == "process.callRuntime" ? 8192 : self.maximumLine
    return [dim(label) + Self.clip(explanation.sentence, maximumLine)]
      + explanation.calls.map { "     " + cyan(Self.clip($0, maximumLine)) }
      + explanation.shell.flatMap { command in
        let mark = command.hasPrefix("#") ? "  " : "$ "
        return Self.clip(command, maximumLine).split(separator: "\n").enumerated().map { index, line in
          "     " + dim(index == 0 ? mark : "  ") + green(String(line))
        }
      }
  }

  private static func clip(_ text: String, _ limit: Int) -> String {
    text.count > limit ? text.prefix(limit) + "…" : text
  }

  private func bold(_ text: String) -> String { paint(text, "1") }
  private func dim(_ text: String) -> String { paint(text, "2") }
  private func cyan(_ text: String) -> String { paint(text, "36") }
  private func green(_ text: String) -> String { paint(text, "32") }
  private func paint(_ text: String, _ code: String) -> String {
    hasColours ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
  }
}

extension Explanation {
  /// A long identifier says no more than its first twelve digits, but in a sentence it hides all else.
  init(of step: Step, in run: ExplainedRun) {
    self.init(of: step)
    guard let identifier = run.identifier, identifier.utf8.count > 12 else { return }
    sentence = Trace.replace(identifier, in: sentence, by: String(identifier.prefix(12)))
  }
}

extension ExplainedRun {
  /// One object: `title`, and `steps`, each with `part`, `step`, `sentence`, `calls`, `shell`, and `undo` where the step has
  /// one.
  package var json: [UInt8] {
    var writer = JSONWriter(.pretty)
    writer.object { writer in
      writer.member("title", title)
      writer.member(
        "steps",
        array: { writer in
          for part in parts {
            for step in part.steps { write(step, of: part, to: &writer) }
          }
        })
    }
    return writer.finish()
  }

  private func write(_ step: Step, of part: Part, to writer: inout JSONWriter) {
    let explanation = Explanation(of: step, in: self)
    writer.object { writer in
      writer.member("part", part.name)
      writer.member("step", explanation.name)
      writer.member("sentence", explanation.sentence)
      writer.member("calls", explanation.calls)
      writer.member("shell", explanation.shell)
      if let undo = step.undo { writer.member("undo", Explanation(of: undo).shell) }
    }
  }
}

/// How long a step took.
package struct StepTiming: Hashable, Sendable {
  package var step: Step
  package var nanoseconds: UInt64
  package init(step: Step, nanoseconds: UInt64) {
    self.step = step
    self.nanoseconds = nanoseconds
  }
}

/// The steps of one part of a run, and how long each took.
package struct PartTimings: Hashable, Sendable {
  package var title: String
  package var timings: [StepTiming]
  package init(title: String, timings: [StepTiming]) {
    self.title = title
    self.timings = timings
  }
}

extension ExplanationText {
  /// A table of microseconds and steps. Parts run at the same time, so the total is given by who measured it.
  package func timings(_ parts: [PartTimings], totalNanoseconds: UInt64) -> String {
    func column(_ nanoseconds: UInt64) -> String {
      let text = "\((nanoseconds + 500) / 1000)"
      return String(repeating: " ", count: max(0, 8 - text.count)) + text
    }
    var lines = [bold("      µs  step")]
    for part in parts where !part.timings.isEmpty {
      lines.append(bold(column(part.timings.reduce(0) { $0 + $1.nanoseconds }) + "  " + part.title))
      for timing in part.timings {
        let explanation = Explanation(of: timing.step)
        let call = explanation.calls.last ?? ""
        let name = explanation.name + String(repeating: " ", count: max(0, 28 - explanation.name.count))
        lines.append(dim(column(timing.nanoseconds)) + "    " + name + " " + cyan(Self.clip(call, 100)))
      }
    }
    lines.append(bold(column(totalNanoseconds) + "  in all, from the first step to the last"))
    return lines.joined(separator: "\n") + "\n"
  }
}
