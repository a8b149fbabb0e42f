package import Kernel
package import Steps

/// How another OCI runtime makes a container.
///
/// ```
///   supervisor: host ── fork ─→ joining (in a mount namespace of its own) ── execve ─→ RUNTIME create ─→ (ends)
///                                                                                         └─→ the first process, which waits
///               reads its number; wiring, addresses (into its network namespace) → RUNTIME start → the program
///               waits for it, as whom the orphan fell to → RUNTIME delete --force, undo
/// ```
/// In a `LaunchPlan` the phases keep their meaning: `joining` is what the process does that becomes the runtime, `clone` is the
/// call, and `finishing` ends with the second call. What is mounted in `joining` is seen by the runtime and by the container that
/// it makes, and by nobody else: it is gone with them, whoever is killed.
package struct RuntimePlan: Hashable, Sendable {
  package var create: RuntimeCall
  /// Holds all that is kept for the runtime's sake; gone when the container has ended.
  package var directory: Path
  /// Where the runtime writes the number of the first process.
  package var processFile: Path
  /// Where it sends the pseudo terminal to; nil without one.
  package var console: Path?

  package init(create: RuntimeCall, directory: Path, processFile: Path, console: Path? = nil) {
    self.create = create
    self.directory = directory
    self.processFile = processFile
    self.console = console
  }
}

/// How it starts one more program in a container.
package struct RuntimeExecPlan: Hashable, Sendable {
  package var exec: RuntimeCall
  /// Made before the call, and removed after it.
  package var directory: Path
  /// As in `RuntimePlan`.
  package var processFile: Path
  package var console: Path?

  package init(exec: RuntimeCall, directory: Path, processFile: Path, console: Path? = nil) {
    self.exec = exec
    self.directory = directory
    self.processFile = processFile
    self.console = console
  }
}
