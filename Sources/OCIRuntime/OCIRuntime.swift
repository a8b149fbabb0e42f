/// An OCI runtime (the runtime specification's runtime.md): the life of one container after another, driven by whoever
/// calls it, usually an engine.
///
/// It may know the state directory, configurations and what the floors below do with them. It may not know images, names,
/// networks or logs: those are the engine's that calls it. Nothing of it runs while a container does.

package import Kernel

/// The runtime as one call of it knows it.
package struct OCIRuntime: Sendable {
  /// How control groups are made.
  package enum CgroupDriver: String, Hashable, Sendable { case cgroupfs, systemd, disabled }

  /// Where the state of all containers is.
  package let store: StateStore
  package var driver = CgroupDriver.cgroupfs
  /// What `sealExecutable` left open, for the one process that this call makes.
  package var executable: BorrowedDescriptor?
  /// Steps are timed.
  package var isTimed = false
  /// Takes a line that a person may want to read and that stops nothing.
  package var warn: @Sendable (String) -> Void
  /// Takes a line that only who looks for something wants to read.
  package var debug: @Sendable (String) -> Void

  package init(
    root: Path, warn: @escaping @Sendable (String) -> Void = { _ in },
    debug: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    store = StateStore(root: root)
    self.warn = warn
    self.debug = debug
  }
}

/// Why the runtime does not do what it was asked for. Engines read the message, by phrases that runc has.
package struct RuntimeFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package var message: String
  package var hint: String?
  /// There is no container of that name.
  var isMissing = false

  package init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }

  static func missing(_ id: String) -> RuntimeFailure {
    var failure = RuntimeFailure("container does not exist: \(id)")
    failure.isMissing = true
    return failure
  }

  package init(_ what: String, _ fault: Fault) {
    var plain = fault
    plain.hint = nil
    self.init("\(what): \(plain)", hint: fault.hint)
  }

  package var description: String { message }
}

/// `body` with its faults told as what could not be done.
func told<Value: ~Copyable>(
  _ what: @autoclosure () -> String, _ body: () throws(Fault) -> Value
) throws(RuntimeFailure) -> Value {
  do throws(Fault) { return try body() } catch { throw RuntimeFailure(what(), error) }
}
