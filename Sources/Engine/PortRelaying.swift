package import Containers
package import Kernel
internal import Launching
internal import Monitoring
internal import Networks
internal import Steps

// `-p` on networks of an ordinary user's own: Monitoring/PortRelay.swift, in a process beside the container's supervisor.

extension Engine {
  /// The word of this program that passes calls on: `skiff-monitor --relay ID ROOT STATE PARENT`, with the sockets from 3 on.
  package static let relayOption = "--relay"

  /// Whether the host knows nothing of the networks that the container is on.
  func isRelayed(_ record: ContainerRecord) -> Bool {
    !isRootOfHost() && !record.networks.isEmpty && !record.ports.isEmpty
  }

  /// Ports that are free on the host, for requests to networks of the user's: in there nobody could tell.
  func portsOnHost(_ requests: [PortRequest]) throws(Failure) -> [PortRequest] {
    guard !isRootOfHost() else { return requests }
    var taken = TakenPorts()
    var chosen: [PortRequest] = []
    for request in requests {
      let ports = try freePorts(for: request, by: nil, besides: &taken)
      guard let port = ports.first?.hostPort else { continue }
      chosen.append(
        PortRequest(
          request.transport, address: request.address, hostPorts: port...port, containerPort: request.containerPort))
    }
    return chosen
  }

  /// The container's ports, held from now on, and the supervisor where the container's networks are.
  func takePorts(of record: ContainerRecord) throws(Failure) -> PortHold {
    guard isRelayed(record) else {
      if !record.networks.isEmpty { try joinNetworks() }
      return try holdPorts(of: record)
    }
    // Of the host's namespace, which this process will not come back to.
    let ports: PortHold
    do throws(NetworkError) {
      ports = try PortHold(of: record.ports.compactMap(PublishedPort.init), use: .served)
    } catch {
      var failure = Failure(error)
      failure.message = "cannot start \(record.name): \(failure.message)"
      throw failure
    }
    try joinNetworks()
    do throws(Fault) { if let relay = relayStart(of: record) { try perform(relay, ports.descriptors) } } catch {
      throw Failure("cannot start \(record.name): nobody would pass on what comes to its ports", error)
    }
    return ports
  }

  /// The step that starts it; nil where the host's own firewall leads callers to the container.
  func relayStep(_ identifier: ContainerIdentifier, _ ports: [PublishedPort]) -> NetworkStep? {
    let ports = ports.filter { $0.transport != .sctp }
    guard !isRootOfHost(), !ports.isEmpty else { return nil }
    return .startRelay(
      PortRelayStart(
        arguments: ["skiff-monitor", Path(Self.relayOption), Path(identifier.description), state.root, state.run],
        listeners: ports.map { PortRelayStart.Listener($0.transport, $0.address, port: $0.hostPort) },
        // Ended as the programs are that forward: with the container.
        record: forwarderRecord(of: store.files(of: identifier))))
  }

  @discardableResult
  private func perform(
    _ relay: PortRelayStart, _ listeners: [BorrowedDescriptor]
  ) throws(Fault) -> ProcessIdentity {
    let process = try startThisProgram(
      arguments: relay.arguments + [Path("\(processIdentifier())")], keeping: listeners)
    let identity = try ProcessIdentity(of: process)
    try replaceFile(
      relay.record, with: Array("\(identity.process) \(identity.startTicks)\n".utf8), durable: false)
    return identity
  }

  /// What the supervisor keeps running beside the container: nobody else could take its ports' calls. Nil where there is nothing.
  ///
  /// - Parameter listeners: of `takePorts`.
  func relay(of record: ContainerRecord, _ listeners: [BorrowedDescriptor]) -> Companion? {
    guard let relay = relayStart(of: record) else { return nil }
    return Companion(running: forwarderIdentity(recordedIn: relay.record)) { () throws(Fault) in
      try perform(relay, listeners)
    }
  }

  /// The process that takes calls to the container's ports now.
  func relayProcess(of record: ContainerRecord) -> ProcessIdentifier? {
    guard let relay = relayStart(of: record), let identity = forwarderIdentity(recordedIn: relay.record) else {
      return nil
    }
    return identity.isRunning ? identity.process : nil
  }

  private func relayStart(of record: ContainerRecord) -> PortRelayStart? {
    guard isRelayed(record), let identifier = ContainerIdentifier(record.identifier),
      case .startRelay(let relay) = relayStep(identifier, record.ports.compactMap(PublishedPort.init))
    else { return nil }
    return relay
  }

  /// The life of that process.
  package func relayPorts(of identifier: ContainerIdentifier, parent: ProcessIdentifier) -> Int32 {
    setProcessName("skiff-relay")
    do {
      try setParentDeathSignal(Signal.kill)
      guard parentProcessIdentifier() == parent else { return 0 }
      try ignoreSignal(Signal.pipe)
      raiseFileLimit()
      let networks = networks
      let ports = try store.record(of: identifier).ports.compactMap(PublishedPort.init).filter { $0.transport != .sctp }
      let relayed = ports.enumerated().map { (index, port) in
        RelayedPort(listener: Int32(3 + index), isDatagram: port.transport == .udp) {
          networks.target(of: port).map { .internet($0.address, port: $0.port) }
        }
      }
      var relay = try PortRelay(relayed)
      try relay.run()
    } catch { return 1 }
  }

  /// Each connection is six descriptors.
  private func raiseFileLimit() {
    let number: Int32 = 7  // RLIMIT_NOFILE
    guard var limit = try? resourceLimit(number) else { return }
    limit.soft = limit.hard
    try? setResourceLimit(number, to: limit)
  }
}
