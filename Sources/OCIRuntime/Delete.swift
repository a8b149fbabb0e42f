internal import Kernel
internal import Launching
internal import RuntimeSpec
internal import Steps

extension OCIRuntime {
  /// Deletes a container that has stopped, or with `force` any.
  package func delete(_ id: String, force: Bool = false) throws(RuntimeFailure) {
    do throws(RuntimeFailure) { try deleteOne(id, force: force) } catch {
      // With force one that is not there, or that somebody else deletes meanwhile, is as good as deleted.
      guard force, error.isMissing else { throw error }
    }
  }

  private func deleteOne(_ id: String, force: Bool) throws(RuntimeFailure) {
    let directory = try store.find(id)
    try lock(directory, force: force)
    guard directory.isCurrent else { throw RuntimeFailure.missing(id) }
    let state: RuntimeState
    do throws(RuntimeFailure) { state = try directory.state() } catch {
      // Killed before it was written: then nothing had been made. A damaged one is kept unless its end is asked for.
      guard force || !exists("state.json", at: directory.descriptor.borrowed) else { throw error }
      return try told("cannot delete \(id)") { () throws(Fault) in
        guard try directory.isOurs() else {
          throw Fault(
            "delete", .invalid, arguments: directory.path.quoted,
            hint: "it holds what no container has: is --root the state directory?")
        }
        try directory.remove()
      }
    }
    try stop(state, directory, force: force)
    try takeAway(state, hooks: (try? directory.callbacks())?.hooks ?? Spec.Hooks(), directory)
  }

  /// The container has ended: takes away what was made for it on the host, calls its last hooks, forgets it.
  func takeAway(
    _ state: RuntimeState, hooks: Spec.Hooks, _ directory: borrowing ContainerDirectory
  ) throws(RuntimeFailure) {
    passKillSwitch("deleting", 0)
    let faults = performUndo(state.undo.map(\.step))
    if let fault = faults.first { throw RuntimeFailure("cannot delete \(state.id)", fault) }
    passKillSwitch("deleting", 1)
    callHooks(.poststop, of: hooks, state: state.hookState, process: 0)
    passKillSwitch("deleting", 2)
    try told("cannot delete \(state.id)") { () throws(Fault) in try directory.remove() }
  }

  /// Whoever creates, starts or deletes it right now is in the way; with force they are waited for, and ended when that takes
  /// long, as it does for a hook that hangs.
  private func lock(_ directory: borrowing ContainerDirectory, force: Bool) throws(RuntimeFailure) {
    let id = directory.id
    let begin = monotonicNanoseconds()
    while try !told("cannot lock \(id)", { () throws(Fault) in try directory.tryLock() }) {
      let waited = (monotonicNanoseconds() - begin) / 1_000_000
      guard force, waited < 10_000 else {
        throw RuntimeFailure("cannot delete \(id): somebody else creates, starts or deletes it right now")
      }
      if waited > 1000 { endWork(on: directory) }
      _ = try? poll([], milliseconds: 10)
    }
  }

  /// Kills who holds the lock. Its children, hooks and a container that is half made, end with it.
  private func endWork(on directory: borrowing ContainerDirectory) {
    guard let holder = directory.lockHolder(), let pidfd = try? openProcess(holder),
      // Still theirs: the number had not come to mean another process when it was opened.
      directory.lockHolder() == holder
    else { return }
    warn("process \(holder), which has been at container \(directory.id) for a while, is killed")
    try? sendSignal(9, to: pidfd.borrowed)
  }

  private func stop(
    _ state: RuntimeState, _ directory: borrowing ContainerDirectory, force: Bool
  ) throws(RuntimeFailure) {
    guard let process = state.process, process.isRunning else { return }
    // One that was never started has run nothing yet.
    guard force || directory.waitsForStart else {
      throw RuntimeFailure(
        "cannot delete container \(state.id) that is not stopped: running", hint: "kill it first, or use --force")
    }
    guard let pidfd = process.open() else { return }
    try? sendSignal(9, to: pidfd.borrowed)
    // Not ours to reap, unless it is: a zombie that its parent has not reaped yet has ended.
    let end = monotonicNanoseconds() + 10_000_000_000
    while process.isRunning {
      if monotonicNanoseconds() > end {
        throw RuntimeFailure("cannot delete \(state.id): process \(process.process) does not end when it is killed")
      }
      _ = try? poll(pidfd.borrowed, .readable, milliseconds: 20)
    }
  }
}
