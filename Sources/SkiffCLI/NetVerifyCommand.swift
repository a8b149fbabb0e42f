internal import Arguments
internal import Containers
internal import Engine
internal import Kernel
internal import Networks

/// `skiff net verify [CONTAINER|PORT]`
enum NetVerify {
  static let perform: Perform = { arguments in
    let engine = try arguments.networkEngine
    var subjects: [(name: String, port: PublishedPort?)] = []
    if let word = arguments.positionals.first {
      if let port = UInt16(word), port > 0, (try? engine.reach(of: word)) == nil {
        subjects = try engine.owners(ofPort: port).map { ($0.name, $0.port) }
        guard !subjects.isEmpty else {
          throw Failure(
            .notFound, "no container publishes port \(port)", hint: "skiff net explain \(port) says who has it")
        }
      } else {
        subjects = [(word, nil)]
      }
    } else {
      subjects = try engine.summaries(includingEnded: false).filter { !$0.record.networks.isEmpty }
        .map { ($0.record.name, nil) }
    }
    var tried: [(subject: String, trial: Trial)] = []
    for subject in subjects {
      for trial in try engine.verify(subject.name, port: subject.port) { tried.append((subject.name, trial)) }
    }
    let wrong = tried.filter { $0.trial.isExpected != $0.trial.hasPassed }.count
    _ = try printing { out in
      var subject = ""
      for (name, trial) in tried {
        if name != subject { out.line("\(out.colours.bold)\(printable(name))\(out.colours.plain)") }
        subject = name
        out.line(line(trial, out.colours))
      }
      if tried.isEmpty {
        out.line("nothing to try: no container runs on a network of Skiff's")
      } else {
        out.line(
          wrong == 0
            ? "\(tried.count) calls, each as explained"
            : "\(wrong) of \(tried.count) calls differ from what explain says")
      }
    }
    return wrong == 0 ? 0 : 1
  }

  private static func line(_ trial: Trial, _ colours: Colours) -> String {
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(1, width - text.count))
    }
    let words = "  " + padded(trial.who, 16) + padded(trial.target, 28)
    let answer = trial.hasPassed ? "gets in" : "does not get in"
    guard trial.isExpected != trial.hasPassed else { return words + answer }
    return words + "\(colours.red)\(answer): differs from explain\(colours.plain)"
  }
}
