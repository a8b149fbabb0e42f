internal import Containers
internal import Kernel
internal import Monitoring
internal import Networks
internal import Steps

// What a container's supervisor does for its network while it runs: it holds the published ports, and one supervisor of all
// sees to it that the bridges and rules stay.

extension Engine {
  /// The word of this program that repairs the networks: `skiff-monitor --repair ROOT STATE`.
  package static let repairOption = "--repair"

  /// Nil for a container without a network of ours: nothing of it can be broken there.
  func sharedWatch(_ record: ContainerRecord) -> SharedWatch? {
    guard !record.networks.isEmpty else { return nil }
    let networks = networks
    return SharedWatch(
      post: networks.watchPost, isWell: { networks.isAsLeft(atEveryCable: $0) }, isGrave: { networks.mayBeRenamed($0) },
      healer: ["skiff-monitor", Path(Engine.repairOption), state.root, state.run])
  }

  /// What the watching supervisor starts. The exit code says whether there was anything to repair.
  package func repairNetworks() -> Int32 {
    do throws(NetworkError) { return try networks.repair() ? SharedWatch.repaired : 0 } catch { return 1 }
  }

  /// From before the container's program runs, so that no program of the host can get in between.
  func holdPorts(of record: ContainerRecord) throws(Failure) -> PortHold {
    // The program listens itself.
    if ForwarderProgram(mode: record.networkMode) != nil { return PortHold(resuming: []) }
    do throws(NetworkError) { return try PortHold(of: record.ports.compactMap(PublishedPort.init)) } catch {
      var failure = Failure(error)
      failure.message = "cannot start \(record.name): \(failure.message)"
      throw failure
    }
  }
}

extension PublishedPort {
  /// Nil for what is no port: the record was damaged.
  init?(_ record: PortRecord) {
    guard let transport = PortEntry.Transport(rawValue: record.transport), let address = IPAddress(record.address)
    else { return nil }
    self.init(
      transport, address: address, hostPort: record.hostPort, containerPort: record.containerPort)
  }
}
