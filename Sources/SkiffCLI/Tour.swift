internal import Arguments
internal import Engine
internal import Kernel

extension TourCommand {
  /// Runs every chapter as a person would type it, on state of its own, and takes all of it away again.
  static let perform: Perform = { arguments in
    let titles = TourChapter.all(folder: "", network: "").map(\.title)
    if arguments.flag("list") {
      return try printing { out in for (index, title) in titles.enumerated() { out.line("\(index + 1). \(title)") } }
    }
    var wanted: [Int] = []
    for word in arguments.positionals {
      guard let number = Int(word), titles.indices.contains(number - 1) else {
        throw arguments.fail("there is no chapter \(word)", suggestion: "skiff tour --list shows them")
      }
      wanted.append(number - 1)
    }
    guard effectiveUser() == 0 else {
      throw Failure(
        .host, "the tour makes real containers, so it needs root", hint: "run it with sudo: sudo skiff tour")
    }
    sweep()
    let folder = "\(prefix)\(processIdentifier())"
    try makeDirectory(Path(folder), mode: 0o700)
    // Held until we end: who can take it knows that nobody works here any more.
    let lock = try open(Path(folder), [.readOnly, .directory, .noFollow])
    _ = try lock.borrowed.tryLock(.exclusive)
    let tour = Tour(folder: folder, colours: Colours(of: .standardOutput))
    let code = try walk(tour, wanted.isEmpty ? Array(titles.indices) : wanted)
    try finish(tour, code, keeps: arguments.flag("keep"))
    return code
  }

  private static let prefix = "/tmp/skiff-tour-"

  /// In a process of its own, which an interrupt ends wherever it is: this one stays and tidies up.
  private static func walk(_ tour: Tour, _ chapters: [Int]) throws -> Int32 {
    let passed = SignalSet(Signal.interrupt, Signal.terminate, Signal.hangUp, Signal.quit)
    let old = try setSignalMask(.block, passed)
    switch try clone(namespaces: []) {
    case .child:
      _ = try? setSignalMask(.set, old)
      do { exitNow(try tour.run(chapters)) } catch { exitNow(report(error, failureCode: 1)) }
    case .parent(_, let pidfd):
      let signals = try SignalDescriptor(passed)
      while true {
        let ready = try poll([(pidfd.borrowed, .readable), (signals.borrowed, .readable)])
        while let report = try signals.next() { try? sendSignal(report.signal, to: pidfd.borrowed) }
        if !ready[0].isEmpty { break }
      }
      return try wait(for: .pidfd(pidfd.borrowed))?.status.code ?? 125
    }
  }

  private static func finish(_ tour: Tour, _ code: Int32, keeps: Bool) throws {
    if keeps {
      return try tour.say(
        "\nWhat was built is in \(tour.folder): skiff --root \(tour.folder)/state --state \(tour.folder)/run ps -a\n"
          + "The next tour takes it away.\n")
    }
    tour.tidyUp()
    let ending =
      code == 0 ? "That was all of it, and all of it is gone again." : "What the tour had built is gone again."
    try tour.say("\n\(ending) skiff run --explain shows every kernel step.\n")
  }

  /// What tours that were killed, or told to keep it, left behind. Anybody may make names in /tmp: only root's own count.
  private static func sweep() {
    for entry in (try? entries(of: "/tmp")) ?? [] where "/tmp/\(entry.name)".hasPrefix(prefix) {
      let path = Path("/tmp").appending(entry.name)
      // One that begins has its directory a moment before the lock.
      if exists(Path("/proc/\(path.string.dropFirst(prefix.count))")) { continue }
      guard let left = try? open(path, [.readOnly, .directory, .noFollow]), let facts = try? status(of: left.borrowed),
        facts.owner == 0, facts.mode == 0o700, (try? left.borrowed.tryLock(.exclusive)) == true
      else { continue }
      Tour(folder: path.string, colours: Colours(of: .standardOutput)).tidyUp()
    }
  }
}

private struct Tour {
  let folder: String
  let colours: Colours
  private let network = "tour"

  func run(_ wanted: [Int]) throws -> Int32 {
    let chapters = TourChapter.all(folder: folder, network: network)
    var staged: [[String]] = []
    for number in wanted {
      let chapter = chapters[number]
      var calls = chapter.calls
      if let root = chapter.root, !staged.contains(root.words) {
        staged.append(root.words)
        calls.insert(root, at: 0)
      }
      try say("\n\(colours.bold)\(number + 1). \(chapter.title)\(colours.plain)\n\(chapter.introduction)\n")
      for call in calls {
        try say("\n\(colours.cyan)$ skiff \(call.words.map(quoted).joined(separator: " "))\(colours.plain)\n")
        let code = try self.call(call.words)
        guard call.accepted.contains(code) else {
          throw Failure(
            .host, "the tour stopped: that call answered \(code)", hint: "the message above says why")
        }
        try say("\(colours.faint)  → \(call.meaning)\(colours.plain)\n")
      }
    }
    return 0
  }

  /// Containers first, then the networks; the rest is in the folder.
  func tidyUp() {
    let names = (try? entries(of: Path("\(folder)/state/names"))) ?? []
    let containers = names.map { ["rm", "-f", $0.name.string] }
    for words in containers + [["network", "rm", network], ["network", "rm", "bridge"]] {
      _ = try? call(words, silently: true)
    }
    try? removeTree(Path(folder))
  }

  func say(_ text: String) throws(Fault) { try BorrowedDescriptor.standardOutput.write(text) }

  /// This same program, on the tour's own state.
  private func call(_ words: [String], silently: Bool = false) throws(Fault) -> Int32 {
    let arguments = ["skiff", "--root", "\(folder)/state", "--state", "\(folder)/run"] + words
    switch try clone(namespaces: []) {
    case .parent(_, let pidfd):
      return try wait(for: .pidfd(pidfd.borrowed))?.status.code ?? 125
    case .child:
      if silently, let null = try? open("/dev/null", .readWrite) {
        for number in Int32(1)...2 { try? null.borrowed.duplicate(asInherited: number) }
      }
      _ = execute("/proc/self/exe", arguments: arguments.map { Path($0) }, environment: environment())
      exitNow(125)
    }
  }

  private func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "/._-:=".utf8.contains($0)
    }
    return plain && !word.isEmpty ? word : "'\(word)'"
  }
}
