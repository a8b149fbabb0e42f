/// Does something in the network namespace of a process, or of a namespace's file, and comes back. Sockets stay where they were
/// made; everything else of this process goes on in its own namespace.
///
/// - Parameter place: a pidfd, or a descriptor of `/proc/PID/ns/net`.
package func insideNetwork<Value: ~Copyable>(
  of place: BorrowedDescriptor, _ body: () throws(Fault) -> Value
) throws(Fault) -> Value {
  // Opened before it is left: there is no other way back. A namespace is a thread's, not a process's.
  let own = try openNamespace("/proc/thread-self/ns/net")
  try joinNamespace(place, .network)
  let result: Value
  do throws(Fault) { result = try body() } catch {
    try joinNamespace(own.borrowed, .network)
    throw error
  }
  try joinNamespace(own.borrowed, .network)
  return result
}
