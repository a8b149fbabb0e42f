package import Kernel

/// Why a network cannot be made, found, used or removed, for a person to read.
package struct NetworkError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// The request makes no sense.
    case usage
    case notFound
    /// The name, the subnet or the network itself is somebody's.
    case conflict
    /// The kernel or the disk refused.
    case host
  }
  package var kind: Kind
  /// The thing and the reason, lower case.
  package var message: String
  /// What to do about it.
  package var hint: String?
  /// What the kernel said, where it was the kernel.
  package var fault: Fault?

  /// The record cannot be read: what it described can only be removed.
  package var isDamage = false

  package init(_ kind: Kind, _ message: String, hint: String? = nil) {
    self.kind = kind
    self.message = message
    self.hint = hint
  }

  package init(_ what: String, _ fault: Fault) {
    kind = .host
    message = "\(what): \(fault)"
    hint = fault.hint
    self.fault = fault
  }

  package var description: String { message }
}

/// Says of what thing a fault was.
func describing<Value: ~Copyable>(
  _ what: @autoclosure () -> String, _ body: () throws(Fault) -> Value
) throws(NetworkError) -> Value {
  do throws(Fault) { return try body() } catch { throw NetworkError(what(), error) }
}
