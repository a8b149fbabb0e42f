package import Kernel
package import Steps

/// How another OCI runtime makes a container, or starts one more program in one (an `ExecPlan` has it too).
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
  /// `create` or `exec`.
  package var call: RuntimeCall
  /// Holds all that is kept for the call's sake: gone when the container has ended, or the program of an `exec` runs.
  package var directory: Path
  /// Where the runtime writes the number of the process that it leaves behind.
  package var processFile: Path
  /// Where it sends the pseudo terminal to; nil without one.
  package var console: Path?

  package init(call: RuntimeCall, directory: Path, processFile: Path, console: Path? = nil) {
    self.call = call
    self.directory = directory
    self.processFile = processFile
    self.console = console
  }
}
