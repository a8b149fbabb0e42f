internal import Kernel
internal import Launching
internal import Rooted
internal import Steps

extension StagePlan {
  /// Performs the steps. After a fault all that was made is taken away again, in reverse; so it is when a signal comes that
  /// would end this process, which it does then, unless it was blocked before.
  ///
  /// - Returns: how long each step took, in nanoseconds.
  @discardableResult
  package func perform() throws(StageFailure) -> [UInt64] {
    let ending = SignalSet(Signal.interrupt, Signal.terminate, Signal.hangUp)
    let signals: SignalDescriptor
    let mask: SignalSet
    do throws(Fault) {
      mask = try setSignalMask(.block, ending)
      signals = try SignalDescriptor(ending)
    } catch { throw StageFailure("cannot stage \(directory)", error) }
    // What is pending is left so: it takes effect here.
    defer { _ = try? setSignalMask(.set, mask) }
    if building != nil { sweep() }
    var performer = StagePerformer(top: building ?? directory)
    var times: [UInt64] = []
    times.reserveCapacity(steps.count)
    var done: [Step] = []
    for (index, step) in steps.enumerated() {
      passKillSwitch("stage", index)
      let start = monotonicNanoseconds()
      do throws(Fault) {
        if try !poll(signals.borrowed, .readable, milliseconds: 0).isEmpty { throw Fault("stage", .interrupted) }
        if try performer.perform(step) { done.append(step) }
      } catch {
        for step in done.reversed() {
          if let undo = step.undo { _ = try? performer.perform(undo) }
        }
        throw failure(error)
      }
      times.append(monotonicNanoseconds() - start)
    }
    return times
  }

  private func failure(_ fault: Fault) -> StageFailure {
    if fault.operation == "renameat2", fault.errno == .exists || fault.errno == .directoryNotEmpty {
      return StageFailure(
        .host, "\(directory) appeared while it was being staged",
        hint: "somebody else made it; run the same command again to add what is missing")
    }
    if fault.operation == "stage", fault.errno == .interrupted {
      return StageFailure(.host, "cannot stage \(directory): interrupted", hint: "nothing was kept")
    }
    return StageFailure("cannot stage \(directory)", fault)
  }

  /// Roots that somebody began to build beside this one and left behind: nobody holds the lock of their directory.
  private func sweep() {
    let mine = StagePlan.temporaryName(for: directory)
    let parent = mine.parent.isEmpty ? Path(".") : mine.parent
    let prefix = StagePlan.temporaryPrefix(for: directory)
    guard let names = try? entries(of: parent) else { return }
    for entry in names where entry.name.bytes.starts(with: prefix) && entry.name != mine.lastComponent {
      let number = String(decoding: entry.name.bytes.dropFirst(prefix.count), as: UTF8.self)
      guard let process = ProcessIdentifier(number),
        (try? sendSignal(0, toProcess: process)) == nil,
        let left = try? open(parent.appending(entry.name), [.readOnly, .directory, .noFollow]),
        (try? left.borrowed.tryLock(.exclusive)) == true
      else { continue }
      try? removeTree(parent.appending(entry.name))
    }
  }
}

/// Performs file steps below one directory that may be somebody else's: their parents are opened inside of it, and no
/// link is followed, for the plan has resolved them all.
private struct StagePerformer: ~Copyable {
  private let top: Path
  private let prefix: [UInt8]
  private var root: Root?
  private var lastParent: Path?
  private var lastDirectory: Descriptor?
  /// Says that somebody is at work here, until we end.
  private var lock: Descriptor?

  init(top: Path) {
    self.top = top
    prefix = Array(top.appending("x").bytes.dropLast())
  }

  mutating func perform(_ step: Step) throws(Fault) -> Bool {
    guard case .file(let step) = step else { throw Fault("stage", .invalid) }
    guard step.path.bytes.starts(with: prefix) else { return try performOutside(step) }
    let inside = Path(bytes: step.path.bytes.dropFirst(prefix.count)) ?? "."
    let parent = inside.parent
    if parent != lastParent || lastDirectory == nil {
      if root == nil { root = try Root(at: top) }
      lastDirectory = try root.open(parent.isEmpty ? "." : parent)
      lastParent = parent
    }
    guard let directory = lastDirectory?.rawValue else { throw Fault("stage", .badDescriptor) }
    return try Launching.perform(step, at: BorrowedDescriptor(rawValue: directory))
  }

  /// The directory itself: made, renamed or taken away.
  private mutating func performOutside(_ step: FileStep) throws(Fault) -> Bool {
    let didChange = try Launching.perform(step)
    if case .makeDirectory(top, _) = step {
      let made = try open(top, [.readOnly, .directory, .noFollow])
      _ = try made.borrowed.tryLock(.exclusive)
      lock = consume made
    }
    return didChange
  }
}

extension Root? {
  fileprivate func open(_ path: Path) throws(Fault) -> Descriptor {
    switch self {
    case .none: throw Fault("stage", .badDescriptor)
    case .some(let root): try root.openDirectoryNoFollow(path)
    }
  }
}
