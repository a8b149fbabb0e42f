internal import Kernel
internal import Launching
internal import RuntimeSpec
internal import Steps

extension OCIRuntime {
  /// Deletes a container that has stopped, or with `force` any.
  package func delete(_ id: String, force: Bool = false) throws(RuntimeFailure) {
    // With force one that is not there is as good as deleted.
    if force, isIdentifier(id), !exists(store.directory(of: id), followLinks: false) { return }
    let directory = try store.find(id)
    try lock(directory, force: force)
    let state: RuntimeState
    do throws(RuntimeFailure) { state = try directory.state() } catch {
      // Killed before it was written: then nothing had been made. A damaged one is kept unless its end is asked for.
      guard force || !exists("state.json", at: directory.descriptor.borrowed) else { throw error }
      return try told("cannot delete \(id)") { () throws(Fault) in try directory.remove() }
    }
    try stop(state, directory, force: force)
    try takeAway(state, directory)
  }

  /// The container has ended: takes away what was made for it on the host, calls its last hooks, forgets it.
  func takeAway(_ state: RuntimeState, _ directory: borrowing ContainerDirectory) throws(RuntimeFailure) {
    let faults = performUndo(state.undo.map(\.step))
    if let fault = faults.first { throw RuntimeFailure("cannot delete \(state.id)", fault) }
    if let spec = try? directory.spec() {
      callHooks(.poststop, of: spec.hooks, state: state.hookState, process: 0)
    }
    try told("cannot delete \(state.id)") { () throws(Fault) in try directory.remove() }
  }

  /// Whoever creates or starts it right now is waited for; with force its process is killed first, which ends their work.
  private func lock(_ directory: borrowing ContainerDirectory, force: Bool) throws(RuntimeFailure) {
    let id = directory.id
    let end = monotonicNanoseconds() + 10_000_000_000
    while try !told("cannot lock \(id)", { () throws(Fault) in try directory.tryLock() }) {
      guard force else {
        throw RuntimeFailure("cannot delete \(id): somebody else creates, starts or deletes it right now")
      }
      if let process = try? directory.state().process, let pidfd = process.open() {
        try? sendSignal(9, to: pidfd.borrowed)
      }
      if monotonicNanoseconds() > end { throw RuntimeFailure("cannot delete \(id): it stays locked by another call") }
      _ = try? poll([], milliseconds: 10)
    }
  }

  private func stop(
    _ state: RuntimeState, _ directory: borrowing ContainerDirectory, force: Bool
  ) throws(RuntimeFailure) {
    guard let process = state.process, isRunning(process) else { return }
    // One that was never started has run nothing yet.
    guard force || directory.waitsForStart else {
      throw RuntimeFailure(
        "cannot delete container \(state.id) that is not stopped: running", hint: "kill it first, or use --force")
    }
    guard let pidfd = process.open() else { return }
    try? sendSignal(9, to: pidfd.borrowed)
    // Not ours to reap, unless it is: a zombie that its parent has not reaped yet has ended.
    let end = monotonicNanoseconds() + 10_000_000_000
    while isRunning(process) {
      if monotonicNanoseconds() > end {
        throw RuntimeFailure("cannot delete \(state.id): process \(process.process) does not end when it is killed")
      }
      _ = try? poll(pidfd.borrowed, .readable, milliseconds: 20)
    }
  }
}
