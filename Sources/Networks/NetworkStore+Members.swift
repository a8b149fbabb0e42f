internal import JSON
package import Kernel

/// A running container as the others on its network know it. A file `<run>/<network>/members/<container>`, written and
/// removed by rename as containers come and go: whoever wants to resolve names reads those, and needs to ask nobody.
package struct NetworkMember: Hashable, Sendable {
  package var container: String
  package var address: IPv4Address
  /// Nil on a network without IPv6.
  package var address6: IPv6Address?
  /// Nil for the one that goes with the address.
  package var mac: MacAddress?
  /// What it is found by on this network, as docker has it: the container's name first, then its aliases here, its short
  /// identifier, its host name. Each is a host name, in the case that it was given in, and there once.
  package var names: [String]
  /// Its /etc/hosts, as a path of the host, to learn the others' names by; empty for one that asks for names instead.
  package var hosts: Path

  package init(
    container: String, address: IPv4Address, address6: IPv6Address? = nil, mac: MacAddress? = nil, names: [String],
    hosts: Path
  ) {
    self.container = container
    self.address = address
    self.address6 = address6
    self.mac = mac
    self.hosts = hosts
    // A name with a space or a line end in it would be an entry of somebody's choice in everybody's file.
    var seen: Set<String> = []
    self.names = names.filter { isHostName($0) && seen.insert($0).inserted }
  }

  var entries: [HostsEntry] {
    [HostsEntry(address: address.description, names: names)]
      + [address6.map { HostsEntry(address: $0.description, names: names) }].compactMap { $0 }
  }
}

private func isHostName(_ name: String) -> Bool {
  (1...253).contains(name.utf8.count)
    && name.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "-._".utf8.contains($0)
    }
}

extension NetworkStore {
  /// The container is reachable by its names from now on: every member's hosts file says so, its own too.
  package func announce(_ member: NetworkMember, on network: String) throws(NetworkError) {
    try describing("cannot make \(member.names.first ?? member.container) known on network \(network)") {
      () throws(Fault) in
      let lock = try locked(membersLock(network), .exclusive)
      defer { hold(lock) }
      let directory = members(network)
      if !exists(directory) { try makeDirectories(directory, mode: 0o700) }
      var writer = JSONWriter()
      member.write(to: &writer)
      try replaceFile(directory.appending(member.container), with: writer.finish(), durable: false)
      try enterNames(of: member, on: network)
      if !member.hosts.isEmpty { try replaceFile(hostsMark(network), with: [], durable: false) }
      try rewriteHosts(network)
    }
  }

  /// Nobody finds the container there by its names any more.
  package func withdraw(_ container: String, from attachment: NetworkAttachment) throws(NetworkError) {
    try describing("cannot take \(container.prefix(12)) out of the names of network \(attachment.network)") {
      () throws(Fault) in try withdraw(container, from: attachment.network)
    }
  }

  func withdraw(_ container: String, from network: String) throws(Fault) {
    let file = members(network).appending(container)
    guard exists(file) else { return }
    let lock = try locked(membersLock(network), .exclusive)
    defer { hold(lock) }
    if let member = readMember(container, network) {
      removeNames(of: member, from: network)
      // It may go on running, on its other networks.
      if !member.hosts.isEmpty { try? rewriteHosts(member.hosts, network, []) }
    }
    do throws(Fault) { try removeFile(file) } catch { if error.errno != .noSuchFile { throw error } }
    try rewriteHosts(network)
  }

  /// Who is on the network now, ordered by address. No lock is taken; one that comes or goes meanwhile is there whole or
  /// not at all.
  package func members(of network: Network) throws(NetworkError) -> [NetworkMember] {
    try members(onNetwork: network.name)
  }

  /// The same by the network's name. Empty where nobody has come yet, and for a network that is gone.
  package func members(onNetwork name: String) throws(NetworkError) -> [NetworkMember] {
    guard isValidNetworkName(name) else { return [] }
    return try describing("cannot read the members of network \(name)") { () throws(Fault) in
      try readMembers(name)
    }
  }

  /// Where the members of a network are files: for who watches it for changes (inotify(7)). It is there once somebody came.
  package func membersDirectory(ofNetwork name: String) -> Path { members(name) }

  /// There once somebody came who learns names by a hosts file: until then nobody has to be looked at when others come and go.
  private func hostsMark(_ network: String) -> Path { runDirectory(network).appending(".hosts") }

  private func membersLock(_ network: String) -> Path { runDirectory(network).appending(".members.lock") }

  /// The containers that have made themselves known, in no order.
  func memberNames(_ network: String) throws(Fault) -> [String] {
    do throws(Fault) { return try entries(of: members(network)).map(\.name.string) } catch {
      if error.errno == .noSuchFile { return [] }
      throw error
    }
  }

  /// Ordered by address.
  func readMembers(_ network: String) throws(Fault) -> [NetworkMember] {
    var found: [NetworkMember] = []
    for name in try memberNames(network) {
      if let member = readMember(name, network) { found.append(member) }
    }
    return found.sorted { $0.address < $1.address }
  }

  private func readMember(_ container: String, _ network: String) -> NetworkMember? {
    guard let bytes = try? readRegularFile(members(network).appending(container), limit: 65_536) else { return nil }
    return try? NetworkMember(bytes, container: container)
  }

  /// One member whose file cannot be written (its disk is full, it is being removed) must not keep the others from
  /// learning, so faults stop here.
  private func rewriteHosts(_ network: String) throws(Fault) {
    guard exists(hostsMark(network)) else { return }
    let members = try readMembers(network)
    for member in members where !member.hosts.isEmpty {
      try? rewriteHosts(
        member.hosts, network, members.filter { $0.container != member.container }.flatMap(\.entries))
    }
  }

  /// In place: the file is bound into the container, so a new inode would never be seen there.
  private func rewriteHosts(_ path: Path, _ network: String, _ entries: [HostsEntry]) throws(Fault) {
    // The container can write this file, but not make it another one: it is a regular file of ours.
    let file = try open(path, [.readWrite, .noFollow])
    let old = String(decoding: try file.borrowed.readAll(limit: 1 << 20), as: UTF8.self)
    let new = HostsFile.text(old, network: network, members: entries)
    guard new != old else { return }
    let bytes = Array(new.utf8)
    // Written over and then cut, so that no reader finds it empty.
    try file.borrowed.seek(to: 0)
    try file.borrowed.write(bytes)
    try file.borrowed.truncate(to: bytes.count)
  }
}

extension NetworkMember {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("address", address.description)
      $0.member("address6", address6?.description)
      $0.member("mac", mac?.description)
      $0.member("names", names)
      $0.member("hosts", hosts.string)
    }
  }

  fileprivate init(_ bytes: [UInt8], container: String) throws(JSONError) {
    var reader = try JSONReader(bytes)
    var (address, address6, mac, hosts) = ("", "", "", "")
    var names: [String] = []
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "address": address = try reader.string()
      case "address6": address6 = try reader.string()
      case "mac": mac = try reader.string()
      case "names": names = try reader.strings()
      case "hosts": hosts = try reader.string()
      default: try reader.skip()
      }
    }
    guard let address = IPv4Address(address) else { throw reader.error("\"\(address)\" is no address") }
    self.init(
      container: container, address: address, address6: IPv6Address(address6), mac: MacAddress(mac), names: names,
      hosts: Path(hosts))
  }
}
