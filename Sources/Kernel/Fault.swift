/// What floors 1 to 4 throw: the operation, its arguments as they were given, and the kernel's answer.
package struct Fault: Error, Hashable, Sendable {
  /// The system call, or the file operation as strace would show it.
  package var operation: String
  /// The real arguments, for a person: `"/proc", "proc", nosuid`.
  package var arguments: String
  package var errno: Errno
  /// What to do about it, where the place that failed knows.
  package var hint: String?

  package init(_ operation: StaticString, _ errno: Errno, arguments: String = "", hint: String? = nil) {
    self.operation = operation.description
    self.arguments = arguments
    self.errno = errno
    self.hint = hint
  }

  package init(operation: String, _ errno: Errno, arguments: String = "", hint: String? = nil) {
    self.operation = operation
    self.arguments = arguments
    self.errno = errno
    self.hint = hint
  }
}

extension Fault: CustomStringConvertible {
  /// `mount("/proc", "proc"): operation not permitted`
  package var description: String {
    arguments.isEmpty ? "\(operation): \(errno)" : "\(operation)(\(arguments)): \(errno)"
  }
}
