internal import Containers
internal import Kernel
package import Networks

// Whose a port of this host is, and what stands between it and an ordinary user's container.

extension Engine {
  /// Who has a port of this host: containers by name with what they publish there, else a program.
  package func owners(ofPort port: UInt16) throws(Failure) -> [(name: String, port: PublishedPort)] {
    guard isRootOfHost() else { return try ownersOfUser(port) }
    do throws(NetworkError) {
      return try networks.owners(ofPort: port).map { owner in
        let record = ContainerIdentifier(owner.container).flatMap { try? store.record(of: $0) }
        return (record?.name ?? owner.container, owner.port)
      }
    } catch { throw Failure(error) }
  }

  /// By the records: pasta's ports, and those of a network that nobody has made anew, have no claims.
  private func ownersOfUser(_ port: UInt16) throws(Failure) -> [(name: String, port: PublishedPort)] {
    try summaries(includingEnded: false).flatMap { summary in
      summary.record.ports.compactMap(PublishedPort.init).filter { $0.hostPort == port }.map {
        (summary.record.name, $0)
      }
    }
  }

  /// A port that a relay takes calls to: the firewall of the host decides about its socket as about others.
  func relayedReach(
    of record: ContainerRecord, _ port: PublishedPort, at address: IPAddress, on network: Network
  ) -> [Reach] {
    let gateway: IPAddress = address.v6 == nil ? .v4(network.gateway) : network.gateway6.map { .v6($0) } ?? address
    let process = relayProcess(of: record)
    let who =
      process.map { "Skiff's relay (skiff-monitor, process \($0)) listens there on the host and passes on to " }
      ?? "Skiff's relay has ended, and the container's supervisor starts it again; then it passes on to "
    return [
      Reach(
        "whoever reaches it", process == nil ? .no : .yes,
        who
          + "\(endWord(address)):\(port.containerPort), which sees \(gateway) call; the host's firewall rules for port "
          + "\(port.hostPort) of the host count"),
      Reach("its network", .yes, "\(endWord(address)):\(port.containerPort) directly"),
      Reach("other networks", .no, "networks are apart (chain forward)"),
    ]
  }

  private func endWord(_ address: IPAddress) -> String { address.v6 == nil ? "\(address)" : "[\(address)]" }
}
