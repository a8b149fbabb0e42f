internal import Cgroups
package import Containers
internal import Journal
internal import Kernel

// A container stands still while its files are read. Whoever is killed meanwhile would leave it frozen for ever, so it
// holds a lock `<id>.paused` beside the container's own: where that file is and nobody holds it, the next command thaws.

extension Engine {
  /// Freezes the container until `thaw`; waits for another command that has it frozen. Nil when it does not run, or when
  /// the host has no freezer.
  func freeze(_ identifier: ContainerIdentifier) -> Descriptor? {
    guard let layout = try? CgroupLayout.detect(), let group = group(of: identifier, in: layout), group.exists,
      let lock = try? open(pauseLock(identifier), [.readWrite, .create, .noFollow], mode: 0o600),
      (try? lock.borrowed.lock(.exclusive)) != nil
    else { return nil }
    do throws(Fault) { try group.freeze() } catch {
      try? removeFile(pauseLock(identifier))
      return nil
    }
    return lock
  }

  /// The caller holds the lock that `freeze` gave. One that a person has paused stays so.
  func thaw(_ identifier: ContainerIdentifier) {
    if !exists(frozenHint(identifier)), let layout = try? CgroupLayout.detect() {
      try? group(of: identifier, in: layout)?.thaw()
    }
    try? removeFile(pauseLock(identifier))
  }

  /// Thaws what a command that was killed left frozen.
  func thawForgotten(_ traces: Set<String>) {
    for trace in traces where trace.hasSuffix(Self.pauseSuffix) {
      guard let identifier = ContainerIdentifier(String(trace.dropLast(Self.pauseSuffix.utf8.count))),
        let lock = try? open(pauseLock(identifier), [.readWrite, .noFollow]),
        (try? lock.borrowed.tryLock(.exclusive)) == true
      else { continue }
      thaw(identifier)
    }
  }

  /// Until no command has it frozen for itself, as `commit` does for as long as it reads.
  private func waitForThaw(_ identifier: ContainerIdentifier) {
    guard let lock = try? open(pauseLock(identifier), [.readWrite, .noFollow]) else { return }
    try? lock.borrowed.lock(.exclusive)
  }

  private static let pauseSuffix = ".paused"
  func pauseLock(_ identifier: ContainerIdentifier) -> Path {
    state.locks.appending(identifier.description + Self.pauseSuffix)
  }
}

// MARK: - pause and unpause

extension Engine {
  /// Freezes all of a container's processes until `unpause`.
  package func pause(_ word: String) throws(Failure) {
    let (identifier, group) = try runningGroup(of: word)
    if group.isFrozen, !exists(frozenHint(identifier)) { waitForThaw(identifier) }
    if group.isFrozen {
      if exists(frozenHint(identifier)) { throw Failure(.conflict, "container \(word) is paused already") }
      throw Failure(
        .conflict, "container \(word) stands still already, and no pause of skiff's made it",
        hint: "skiff unpause \(word)")
    }
    let lock = try lockUpdates(store.files(of: identifier), word)
    defer { try? lock.borrowed.unlock() }
    do throws(Fault) {
      // Before the freeze: killed between the two, the hint is one too many and not one too few.
      _ = try open(frozenHint(identifier), [.writeOnly, .create, .noFollow], mode: 0o600)
      try group.freeze()
    } catch {
      try? removeFile(frozenHint(identifier))
      try checkRuns(identifier, named: word)
      throw Failure("cannot pause container \(word)", error)
    }
    if let record = try? record(of: identifier) { note(.pause, record) }
  }

  package func unpause(_ word: String) throws(Failure) {
    let (identifier, group) = try runningGroup(of: word)
    // It would go on in the middle of what is read of it.
    if group.isFrozen { waitForThaw(identifier) }
    guard group.isFrozen else { throw Failure(.conflict, "container \(word) is not paused") }
    let lock = try lockUpdates(store.files(of: identifier), word)
    defer { try? lock.borrowed.unlock() }
    do throws(Fault) { try group.thaw() } catch { throw Failure("cannot unpause container \(word)", error) }
    try? removeFile(frozenHint(identifier))
    if let record = try? record(of: identifier) { note(.unpause, record) }
  }

  /// Whether a running container stands still, as the kernel knows it.
  package func isPaused(_ identifier: ContainerIdentifier) -> Bool {
    guard let layout = try? CgroupLayout.detect() else { return false }
    return group(of: identifier, in: layout)?.isFrozen ?? false
  }

  /// The same for who is in a hurry: the kernel is asked only where `pause` left its hint.
  func standsStill(_ identifier: ContainerIdentifier) -> Bool {
    exists(frozenHint(identifier)) && isPaused(identifier)
  }

  /// Before a program is executed in it: whoever enters the control group of one that is paused is frozen with it.
  func checkMoves(_ identifier: ContainerIdentifier, named word: String) throws(Failure) {
    guard standsStill(identifier) else { return }
    throw Failure(.conflict, "container \(word) is paused", hint: "skiff unpause \(word)")
  }

  /// After a signal that is to end it: a frozen process takes none.
  func thawPaused(_ identifier: ContainerIdentifier) {
    guard let layout = try? CgroupLayout.detect(), let group = group(of: identifier, in: layout) else { return }
    if group.isFrozen { try? group.thaw() }
    try? removeFile(frozenHint(identifier))
  }

  /// `pause` leaves an empty file beside the container's lock, so that a list of five hundred containers asks the kernel
  /// only of those that may stand still. What the file says is a hint: the kernel has the word.
  static let frozenSuffix = ".frozen"
  private func frozenHint(_ identifier: ContainerIdentifier) -> Path {
    state.locks.appending(identifier.description + Self.frozenSuffix)
  }

  /// The containers that have one.
  func pauseHints() -> Set<ContainerIdentifier> {
    let suffix = Self.frozenSuffix.utf8
    var found: Set<ContainerIdentifier> = []
    // By the length first: of hundreds of files few are any.
    for entry in (try? entries(of: state.locks)) ?? []
    where entry.name.bytes.count > 64 && entry.name.bytes.suffix(suffix.count).elementsEqual(suffix) {
      if let identifier = ContainerIdentifier(String(entry.name.string.dropLast(suffix.count))) {
        found.insert(identifier)
      }
    }
    return found
  }

  /// Hints of containers that have ended while they stood still.
  func removeForgottenHints(_ traces: Set<String>) {
    for trace in traces where trace.hasSuffix(Self.frozenSuffix) {
      let word = String(trace.dropLast(Self.frozenSuffix.utf8.count))
      if !traces.contains(word), let identifier = ContainerIdentifier(word) {
        try? removeFile(frozenHint(identifier))
      }
    }
  }

  private func runningGroup(of word: String) throws(Failure) -> (ContainerIdentifier, Cgroup) {
    let identifier = try find(word)
    try waitForStart(of: identifier, named: word)
    _ = try runningProcess(of: identifier, named: word)
    return (identifier, try requireGroup(of: identifier, "to pause a container"))
  }
}
