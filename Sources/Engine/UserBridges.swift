internal import Containers
internal import Kernel
internal import Launching
internal import Networks
internal import Rootless
internal import Steps

// Networks that an ordinary user makes, in a network namespace of the user's own: see Rootless/UserNetwork.swift.

extension Engine {
  private var userNetwork: UserNetwork { UserNetwork(in: state.run) }

  /// For commands that look at networks and change them: they go on where an ordinary user's are. Nothing for root.
  package func enterNetworks() throws(Failure) {
    guard !isRootOfHost() else { return }
    do throws(Fault) { try userNetwork.enter(nil, forget: forgetNetworks) } catch {
      throw Failure("cannot enter this user's network namespace", error)
    }
  }

  /// For a supervisor: whoever started it is there and holds them.
  func joinNetworks() throws(Failure) {
    try enterNetworks()
    guard isRootOfHost() || userNetwork.isInside else {
      throw Failure(
        .host, "this user's network namespace is gone: the command that made it was killed", hint: "start it again")
    }
  }

  /// The same with a way out of them, for containers that are to run there.
  func openNetworks() throws(Failure) {
    guard !isRootOfHost() else { return }
    let (program, path) = try usableForwarder()
    let forwarder = UserForwarder.shared(program, at: path, record: userNetwork.forwarderRecord)
    do throws(Fault) { try userNetwork.enter(forwarder, forget: forgetNetworks) } catch {
      throw Failure("cannot make this user's network namespace", error)
    }
  }

  /// For who has started a container and only waits for it from now on.
  package func leaveNetworks() {
    if !isRootOfHost() { try? userNetwork.leave() }
  }

  func tidyNetworks() {
    if !isRootOfHost() { userNetwork.tidy() }
  }

  /// Of a namespace that is no more.
  private func forgetNetworks() {
    for entry in (try? entries(of: state.runningNetworks)) ?? [] {
      try? removeTree(state.runningNetworks.appending(entry.name))
    }
  }

  /// Done where the user's networks are, without going there for good: this process may still have to start what has to be
  /// on the host.
  func withNetworks(_ body: () -> Void) {
    if isRootOfHost() || userNetwork.isInside { return body() }
    guard let process = try? fork() else {
      if (try? enterNetworks()) != nil { body() }
      exitNow(0)
    }
    _ = try? Kernel.wait(for: .process(process))
  }
}
