internal import Archives
internal import Arguments
internal import Containers
internal import Engine
internal import Journal
internal import Kernel

extension CpCommand {
  static let perform: Perform = { arguments in
    let source = try place(arguments.positionals[0], arguments)
    let target = try place(arguments.positionals[1], arguments)
    var request = CopyRequest(from: source, to: target)
    request.keepsOwners = arguments.flag("archive")
    request.followsLinks = arguments.flag("follow-link")
    var isOut = true
    switch (source, target) {
    case (.container, .container): throw arguments.fail("copying between containers is not supported")
    case (.container, .stream):
      if isTerminal(.standardOutput) {
        throw arguments.fail("cowardly refusing to write an archive to a terminal", suggestion: "redirect the output")
      }
    case (.container, _): break
    case (_, .container): isOut = false
    default: throw arguments.fail("must specify at least one container source")
    }
    let isQuiet = arguments.flag("quiet") || !isTerminal(.standardError) || target == .stream
    let progress = isQuiet ? nil : CopyProgress(isOut: isOut)
    let engine = try arguments.engine
    // Known before: afterwards this process sees the root of a resting container where its record is, and nothing may be
    // looked up, or healed, by it any more.
    var noted: (JournalEvent.Action, ContainerRecord, path: String)?
    for (action, end) in [(JournalEvent.Action.archivePath, source), (.extractToDirectory, target)] {
      guard case .container(let word, let path) = end, let record = try? engine.record(of: engine.find(word)) else {
        continue
      }
      noted = (action, record, path)
    }
    let meter = try engine.copy(request, CopyMeter { progress?.show($0) })
    progress?.end(meter.bytes, at: arguments.positionals[1])
    if let (action, record, path) = noted { engine.note(action, record, ["path": path]) }
    if meter.skipped > 0 {
      complain(
        "\(meter.skipped) device\(meter.skipped == 1 ? " was" : "s were") not copied",
        hint: "-a copies them, and set-id bits, out of a container too")
    }
    return 0
  }

  /// Docker's reading: `CONTAINER:PATH`, unless it begins as a path does.
  private static func place(_ word: String, _ arguments: ParsedArguments) throws -> CopyRequest.Place {
    if word == "-" { return .stream }
    if word.isEmpty { throw arguments.fail("a path is empty") }
    if !word.hasPrefix("/"), !word.hasPrefix("."), let colon = word.firstIndex(of: ":"), colon > word.startIndex {
      let path = String(word[word.index(after: colon)...])
      if path.isEmpty { throw arguments.fail("\(word) names no path in the container") }
      return .container(String(word[..<colon]), path: path)
    }
    if word.hasPrefix("/") { return .host(word) }
    let start = arguments.startDirectory.string
    // `.` and `DIR/.` are what a directory holds.
    return .host(word == "." ? start + "/." : start + "/" + word)
  }
}

/// Docker's line on a terminal, at most ten times a second.
private final class CopyProgress: Sendable {
  private let header: String
  private let last = Monitor<UInt64>(0)

  init(isOut: Bool) {
    header = isOut ? "Copying from container - " : "Copying to container - "
    try? BorrowedDescriptor.standardError.write("Preparing to copy...")
  }

  func show(_ bytes: Int) {
    let now = monotonicNanoseconds()
    let isDue = last.update { last in
      guard now > last + 100_000_000 else { return false }
      last = now
      return true
    }
    if isDue { try? BorrowedDescriptor.standardError.write("\r\u{1b}[2K\(header)\(humanSize(Int64(bytes)))") }
  }

  func end(_ bytes: Int, at place: String) {
    try? BorrowedDescriptor.standardError.write(
      "\r\u{1b}[2KSuccessfully copied \(humanSize(Int64(bytes))) to \(printable(place))\n")
  }
}
