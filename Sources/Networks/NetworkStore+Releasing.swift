internal import Kernel

extension NetworkStore {
  /// Gives back what the container holds on the network, or on every one. Its cable goes with its namespace.
  package func release(_ container: String, network: String? = nil) throws(NetworkError) {
    // First, so that no port leads to an address that is somebody else's by then.
    try withdrawPorts(of: container)
    try describing("cannot give back the address of \(container.prefix(12))") { () throws(Fault) in
      let names: [String]
      if let network { names = [network] } else { names = try runningNames() }
      for name in names { try releaseLeases(of: container, on: name) }
    }
  }

  /// All that a container has on one network, known or not, and no port.
  package func release(_ container: String, leasesOn network: String) throws(NetworkError) {
    try describing("cannot give back the address of \(container.prefix(12))") { () throws(Fault) in
      try releaseLeases(of: container, on: network)
    }
  }

  private func releaseLeases(of container: String, on name: String) throws(Fault) {
    try withdraw(container, from: name)
    let held = try readLeases(leases(name)).filter { $0.container == container }
    removeLeases(of: held.map(\.address), on: name)
  }

  /// The same where the addresses and ports are known: no other lease or claim is looked at.
  package func release(
    _ container: String, _ attachments: [NetworkAttachment], ports: [PublishedPort]
  ) throws(NetworkError) {
    try withdrawPorts(of: container, known: ports)
    try release(container, leases: attachments)
  }

  /// Its names and addresses there, and no port: the container goes on without that network.
  package func release(_ container: String, leases attachments: [NetworkAttachment]) throws(NetworkError) {
    try describing("cannot give back the addresses of \(container.prefix(12))") { () throws(Fault) in
      for attachment in attachments {
        try withdraw(container, from: attachment.network)
        passKillSwitch("releasing", 0)
        let addresses =
          [IPAddress.v4(attachment.address.address)] + [attachment.address6.map { .v6($0.address) }].compactMap { $0 }
        // Only what is its own: the addresses may be another's since somebody healed this container.
        let own = addresses.filter { address in
          let target = try? readSymbolicLink(leases(attachment.network).appending(address.description)).string
          return target.flatMap { Lease(address, $0) }?.container == container
        }
        removeLeases(of: own, on: attachment.network)
      }
    }
  }

  /// Networks that have anything in /run.
  func runningNames() throws(Fault) -> [String] {
    do throws(Fault) { return try entries(of: run).map(\.name.string).filter(isValidNetworkName) } catch {
      if error.errno == .noSuchFile { return [] }
      throw error
    }
  }
}
