internal import Inside
internal import Kernel
internal import Steps

// The listener of a filter that asks somebody: from the child, which cannot wait for anybody any more, to the agent.

/// "The runtime MUST send exactly one container process state per connection" (config-linux.md, `listenerPath`): the state as
/// text, the descriptor with its first byte. Then the child, which waits for that, goes on.
///
/// - Parameter process: the one that the filter rules.
func hand(
  over listener: BorrowedDescriptor?, to agent: FilterListener?, of process: ProcessIdentifier,
  _ channel: BorrowedDescriptor
) throws(Fault) {
  guard let agent, let listener else {
    throw Fault("receive", .badMessage, arguments: "a filter's listener that nobody asked for")
  }
  do throws(Fault) {
    let socket = try connectUnix(agent.path)
    let message = agent.message(process: process)
    var sent = try socket.borrowed.sendMessage(message, descriptors: [listener])
    while sent < message.count { sent += try socket.borrowed.sendMessage(Array(message[sent...])) }
  } catch {
    throw Fault(
      "connect", error.errno, arguments: "the seccomp agent at \(agent.path.quoted)",
      hint: "linux.seccomp.listenerPath names the socket of whoever answers for SCMP_ACT_NOTIFY")
  }
  // A child that has ended meanwhile says so by the end of its socket.
  _ = try? channel.sendMessage([1])
}
