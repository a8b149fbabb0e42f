internal import Inside
package import Kernel

/// The descriptors that a supervisor is born with, by number.
package enum SupervisorDescriptor {
  /// The socket to the command that started it.
  package static let client: Int32 = 3
}

/// A supervisor that has been started and waits for a container. While it gets ready, the command that started it makes
/// the container; it ends by itself when that command does.
package struct WaitingSupervisor: ~Copyable {
  private let socket: Descriptor
  /// Kept until there is nothing better to do: the end of a detached mount waits for RCU.
  private let executable: Descriptor

  /// Starts this same program as a supervisor: in a session of its own, so that it survives the terminal; from a sealed
  /// executable; on a fresh heap, which stays small.
  ///
  /// - Parameters:
  ///   - arguments: the command line, the name it is dispatched by first.
  ///   - environment: what the supervisor is to know; the user's own environment stays behind.
  package init(arguments: [Path], environment: [Path]) throws(Fault) {
    let executable = try openSealedExecutable()
    let null = try open("/dev/null", .readWrite)
    let pair = try makeSocketPair(.stream)
    let (none, client) = (null.borrowed, pair.second.borrowed)
    try spawn(
      executable.borrowed, arguments: arguments, environment: environment, streams: [none, none, none, client])
    socket = pair.first
    self.executable = executable
  }

  /// The container is there: hands over its lock, which the supervisor holds from now on. The answer is the socket where
  /// the supervisor reports, and where an attached command talks.
  package consuming func begin(holding lock: BorrowedDescriptor) throws(Fault) -> Descriptor {
    _ = try socket.borrowed.sendMessage([1], descriptors: [lock])
    return socket
  }
}

/// The supervisor's side of `begin`: the lock, or nil when the command gave up.
package func awaitContainer(on client: BorrowedDescriptor) throws(Fault) -> Descriptor? {
  var byte: [UInt8] = [0]
  var message = try client.receiveMessage(into: &byte, descriptorLimit: 1)
  return message.count == 1 ? message.descriptors.take() : nil
}
