internal import Kernel
internal import Steps

extension Explanation {
  init(starting relay: PortRelayStart) {
    func end(_ listener: PortRelayStart.Listener) -> String {
      (listener.address.v6 == nil ? "\(listener.address)" : "[\(listener.address)]") + ":\(listener.port)"
    }
    let ends = relay.listeners.map { "\(end($0))/\($0.transport)" }
    // Of thousands, as many as a person reads.
    let named = ends.count > 8 ? ends.prefix(8).joined(separator: ", ") + ", …" : ends.joined(separator: ", ")
    self.init(
      name: "network.startRelay",
      sentence:
        "Start a process of Skiff's beside the supervisor, which takes what comes to \(named) of the host and passes it on to "
        + "the container from this user's network namespace. It ends with the supervisor, which starts it again where it is "
        + "killed.",
      calls: relay.listeners.map {
        let isTCP = $0.transport == .tcp
        return "socket(\($0.address.v6 == nil ? "AF_INET" : "AF_INET6"), \(isTCP ? "SOCK_STREAM" : "SOCK_DGRAM")), "
          + "bind(<\($0.transport)>, {\(end($0))})" + (isTCP ? ", listen(<tcp>, 512)" : "")
      } + [
        "setns(</proc/PID/ns/net>, CLONE_NEWNET)", "clone(SIGCHLD), prctl(PR_SET_PDEATHSIG, SIGKILL)",
        "execve(</proc/self/exe>, [" + relay.arguments.map { Trace.string($0.string) }.joined(separator: ", ")
          + ", \"PID\"])",
      ],
      shell: [
        "# No command of a shell listens in one network namespace and calls in another, so nothing is published: Skiff's "
          + "relay does."
      ])
  }
}
