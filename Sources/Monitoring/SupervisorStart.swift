package import Kernel

/// The descriptors that a supervisor is born with, by number.
package enum SupervisorDescriptor {
  /// The socket to the command that started it.
  package static let client: Int32 = 3
  /// The container's lock, held as long as the supervisor lives.
  package static let lock: Int32 = 4
}

/// Starts this same program as a supervisor: in a session of its own, so that it survives the terminal; from a sealed
/// executable; on a fresh heap, which stays small.
///
/// - Parameters:
///   - arguments: the command line, the name it is dispatched by first.
///   - environment: what the supervisor is to know; the user's own environment stays behind.
package func startSupervisor(
  arguments: [Path], environment: [Path], client: BorrowedDescriptor, lock: BorrowedDescriptor
) throws(Fault) -> Descriptor {
  let executable = try openSealedExecutable()
  switch try clone(namespaces: []) {
  case .parent(_, let pidfd): return pidfd
  case .child:
    let fault = becomeSupervisor(
      executable: executable.borrowed, arguments: arguments, environment: environment, client: client, lock: lock)
    _ = try? client.send(Frame.failed(code: 125, message: "cannot start the supervisor: \(fault)", hint: "").bytes)
    exitNow(125)
  }
}

private func becomeSupervisor(
  executable: BorrowedDescriptor, arguments: [Path], environment: [Path], client: BorrowedDescriptor,
  lock: BorrowedDescriptor
) -> Fault {
  do throws(Fault) {
    try startSession()
    let null = try open("/dev/null", .readWrite)
    // Out of the way of the numbers below, whatever they are now.
    let client = try client.duplicate(from: 10)
    let lock = try lock.duplicate(from: 10)
    let executable = try executable.duplicate(from: 10)
    for number in Int32(0)...2 { try null.borrowed.duplicate(asInherited: number) }
    try client.borrowed.duplicate(asInherited: SupervisorDescriptor.client)
    try lock.borrowed.duplicate(asInherited: SupervisorDescriptor.lock)
    try closeDescriptors(from: 5, onExecute: true)
    try changeDirectory("/")
    return execute(executable.borrowed, arguments: arguments, environment: environment)
  } catch { return error }
}

/// Replaces this process by itself from a sealed executable, for a command that will enter a container (`exec`). Returns
/// when it runs from one already.
package func sealExecutable() throws(Fault) {
  if runsFromSealedExecutable() { return }
  let executable = try openSealedExecutable()
  throw execute(
    executable.borrowed, arguments: arguments().map { Path($0) }, environment: environment())
}
