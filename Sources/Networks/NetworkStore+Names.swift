package import Kernel

// Names as files, so that who looks for one reads nothing of the others: `<run>/<network>/names/<name>/<container>` is a
// symbolic link that reads the container's addresses there, `<run>/<network>/addresses/<address>` one that reads its name.
// Names are in lower case, for DNS knows no case. They follow the members: made after a member's file, gone before it. After
// every change the file `<run>/.names` is a byte longer, and holds none: who remembers names looks at its size.

/// A name as it is found.
package struct NamedAddress: Hashable, Sendable {
  package var address: IPAddress
  /// The container's identifier.
  package var container: String
  package var network: String
}

/// Who has an address, as far as a container may know.
package enum AddressOwner: Hashable, Sendable {
  /// The container's name, and the network on which that is so.
  case container(name: String, network: String)
  /// It is of one of the container's networks, and nobody has it.
  case nobody
  case elsewhere
}

extension NetworkStore {
  private func names(_ network: String) -> Path { runDirectory(network).appending("names") }
  private func owners(_ network: String) -> Path { runDirectory(network).appending("addresses") }

  private var nameChanges: Path { run.appending(".names") }

  /// Another number after every change of names on any network; nil before the first.
  package func nameGeneration() -> UInt64? { (try? status(of: nameChanges)).map { UInt64($0.size) } }

  /// Comes after the change: of two at once that make the same number of it, both were to be seen before.
  private func noteNameChange() throws(Fault) {
    let file = try open(nameChanges, [.readWrite, .create, .noFollow], mode: 0o600)
    try file.borrowed.truncate(to: Int(try status(of: file.borrowed).size) + 1)
  }

  /// Under the lock of the network's members.
  func enterNames(of member: NetworkMember, on network: String) throws(Fault) {
    let addresses = Path(member.addresses.map(\.description).joined(separator: " "))
    for name in member.fileNames {
      let directory = names(network).appending(name)
      do throws(Fault) { try makeDirectory(directory, mode: 0o700) } catch {
        if error.errno == .noSuchFile {
          try makeDirectories(directory, mode: 0o700)
        } else if error.errno != .exists {
          throw error
        }
      }
      try replaceLink(directory.appending(member.container), to: addresses)
    }
    guard let name = member.names.first else { return try noteNameChange() }
    let directory = owners(network)
    if !exists(directory) { try makeDirectories(directory, mode: 0o700) }
    for address in member.addresses { try replaceLink(directory.appending(address.description), to: Path(name)) }
    try noteNameChange()
  }

  private func replaceLink(_ path: Path, to target: Path) throws(Fault) {
    do throws(Fault) { try makeSymbolicLink(path, to: target) } catch {
      guard error.errno == .exists else { throw error }
      try removeFile(path)
      try makeSymbolicLink(path, to: target)
    }
  }

  /// Under the same lock. It goes on past what is gone already. The member's file is still there: who is killed on the way has
  /// it done again.
  func removeNames(of member: NetworkMember, from network: String) {
    for name in member.fileNames {
      let directory = names(network).appending(name)
      try? removeFile(directory.appending(member.container))
      // Where another container has the name too, this fails, as it should.
      try? removeDirectory(directory)
    }
    for address in member.addresses { try? removeFile(owners(network).appending(address.description)) }
    try? noteNameChange()
  }

  /// The networks that the container is on now, as its membership says, by name.
  package func networkNames(of container: String) -> [String] {
    ((try? runningNames()) ?? []).filter { exists(members($0).appending(container)) }.sorted()
  }

  /// All addresses under a name on the first of the container's networks that knows it; nil where none does. A name may be
  /// followed by the network's: `web`, `web.back`.
  ///
  /// - Parameter name: in lower case.
  package func addresses(of name: String, seenBy container: String) -> [NamedAddress]? {
    let networks = networkNames(of: container)
    for network in networks { if let found = addresses(of: name, on: network) { return found } }
    for network in networks where name.hasSuffix("." + network.lowercased()) {
      if let found = addresses(of: String(name.dropLast(network.utf8.count + 1)), on: network) { return found }
    }
    return nil
  }

  /// The same on one network, for somebody who is on it.
  package func addresses(of name: String, on network: String) -> [NamedAddress]? {
    guard isFileName(name), let entries = try? entries(of: names(network).appending(name)) else { return nil }
    var found: [NamedAddress] = []
    for entry in entries {
      // One that is gone by now is no answer.
      guard let text = try? readSymbolicLink(names(network).appending(name).appending(entry.name)).string else {
        continue
      }
      for word in text.split(separator: " ") {
        guard let address = IPAddress(word) else { continue }
        found.append(NamedAddress(address: address, container: entry.name.string, network: network))
      }
    }
    return found.isEmpty ? nil : found.sorted { $0.address < $1.address }
  }

  package func owner(of address: IPAddress, seenBy container: String) -> AddressOwner {
    let networks = networkNames(of: container)
    for network in networks { if let owner = recordedOwner(of: address, on: network) { return owner } }
    let isOurs = networks.contains { ((try? read($0)) ?? nil)?.contains(address) ?? false }
    return isOurs ? .nobody : .elsewhere
  }

  /// The same for somebody who is on one network alone.
  package func owner(of address: IPAddress, on network: Network) -> AddressOwner {
    recordedOwner(of: address, on: network.name) ?? (network.contains(address) ? .nobody : .elsewhere)
  }

  private func recordedOwner(of address: IPAddress, on network: String) -> AddressOwner? {
    let name = try? readSymbolicLink(owners(network).appending(address.description)).string
    return name.map { .container(name: $0, network: network) }
  }

  /// The container's networks, when all of them are internal: then nobody outside is to hear of its questions
  /// (CVE-2024-29018), and none either when it is on no network at all. Nil when one leads outside.
  package func onlyInternalNetworks(of container: String) -> [String]? {
    let names = networkNames(of: container)
    let isClosed = names.allSatisfy { name in
      // A network that cannot be read is no way out.
      ((try? read(name)) ?? nil)?.isInternal ?? true
    }
    return isClosed ? names : nil
  }
}

extension Network {
  fileprivate func contains(_ address: IPAddress) -> Bool {
    switch address {
    case .v4(let address): subnet.contains(address)
    case .v6(let address): subnet6?.contains(address) ?? false
    }
  }
}

extension NetworkMember {
  var addresses: [IPAddress] { [.v4(address)] + [address6.map { IPAddress.v6($0) }].compactMap { $0 } }

  /// Its names as files have them, each once.
  fileprivate var fileNames: Set<String> { Set(names.map { $0.lowercased() }.filter(isFileName)) }
}

/// Letters, digits, `-`, `.` and `_`, as members' names are; and none that a directory has for itself.
private func isFileName(_ name: String) -> Bool {
  name != "." && name != ".." && (1...253).contains(name.utf8.count)
    && name.utf8.allSatisfy { (48...57).contains($0) || (97...122).contains($0) || "-._".utf8.contains($0) }
}
