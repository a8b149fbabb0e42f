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
    let folder = try makeFolder()
    let tour = Tour(folder: folder, colours: Colours(of: .standardOutput))
    defer { if !arguments.flag("keep") { tour.tidyUp() } }
    return try tour.run(wanted.isEmpty ? Array(titles.indices) : wanted)
  }

  private static func makeFolder() throws -> String {
    let folder = "/tmp/skiff-tour-\(processIdentifier())"
    try makeDirectory(Path(folder), mode: 0o700)
    return folder
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
    try say("\nThat was all of it, and all of it is gone again. skiff run --explain shows every kernel step.\n")
    return 0
  }

  /// Containers first, then the network; the rest is in the folder.
  func tidyUp() {
    for words in [
      ["rm", "-f", "author", "server", "client"], ["network", "rm", network], ["network", "rm", "bridge"],
    ] {
      _ = try? call(words, silently: true)
    }
    try? removeTree(Path(folder))
  }

  private func say(_ text: String) throws(Fault) { try BorrowedDescriptor.standardOutput.write(text) }

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
