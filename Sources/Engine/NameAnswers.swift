package import Containers
internal import ImageSpec
internal import Kernel
internal import Launching
package import Networks
package import Resolving

// The names that a container is answered with, and what stands in its /etc about names.

extension Engine {
  /// What the supervisor of the container answers from: files, so that who comes, goes or is connected is known at once.
  package func nameSource(for identifier: ContainerIdentifier, _ record: ContainerRecord) -> NameSource {
    let networks = networks
    let container = identifier.description
    let asked = record.nameServers.compactMap { NameServer(resolvConf: $0, isInside: true) }
    var source = NameSource(
      addresses: { networks.addresses(of: $0, seenBy: container)?.map(KnownAddress.init) },
      owner: { KnownOwner(networks.owner(of: $0, seenBy: container)) },
      upstream: {
        // Asked from inside, a server gets there by the container's own ways, or not at all.
        if !asked.isEmpty { return .servers(asked) }
        if let closed = networks.onlyInternalNetworks(of: container) { return .closed(closedReason(closed)) }
        return .servers(hostNameServers())
      })
    source.generation = { networks.nameGeneration() }
    return source
  }

  /// As somebody on one network would be answered who is on no other.
  package func nameSource(on network: Network) -> NameSource {
    let networks = networks
    return NameSource(
      addresses: { name in
        let suffix = "." + network.name.lowercased()
        let found =
          networks.addresses(of: name, on: network.name)
          ?? (name.hasSuffix(suffix)
            ? networks.addresses(of: String(name.dropLast(suffix.utf8.count)), on: network.name) : nil)
        return found?.map(KnownAddress.init)
      },
      owner: { KnownOwner(networks.owner(of: $0, on: network)) },
      upstream: { network.isInternal ? .closed(closedReason([network.name])) : .servers(hostNameServers()) })
  }
}

private func closedReason(_ networks: [String]) -> String {
  if networks.isEmpty { return "the container is on no network: nobody is asked" }
  return networks.count == 1
    ? "network \(networks[0]) is internal: nobody outside is asked"
    : "the networks \(networks.joined(separator: ", ")) are internal: nobody outside is asked"
}

/// Of the host as it is now. The supervisor is a process of the host, so it may ask a stub on the loopback, systemd-resolved's
/// for one, which knows which server is for which names. As the C library has it, three at most, and one on this machine
/// where none is named.
package func hostNameServers() -> [NameServer] {
  let conf = (try? readText("/etc/resolv.conf")) ?? ""
  // An ordinary user's supervisor is in the user's network namespace, from which a program passes on to the host's.
  let servers =
    isRootOfHost()
    ? ResolvConf(conf).servers.prefix(3)
    : ResolvConf.plain(host: conf, ResolvRequest(), instead: [(ForwarderProgram.installed ?? .pasta).resolver]).servers
      .prefix(3)
  let known = servers.compactMap { NameServer(resolvConf: $0) }
  return known.isEmpty && servers.isEmpty ? [NameServer(.v4(IPv4Address(127, 0, 0, 1)))] : known
}

extension NameServer {
  /// An address as resolv.conf(5) has it: a link behind `%`, where it is of that link alone.
  init?(resolvConf text: String, isInside: Bool = false) {
    let parts = text.split(separator: "%", maxSplits: 1)
    guard let word = parts.first, let address = IPAddress(word) else { return nil }
    var scope: UInt32 = 0
    if parts.count == 2 {
      let link = String(parts[1])
      guard let number = UInt32(link) ?? linkNumber(link) else { return nil }
      scope = number
    }
    self.init(address, scope: scope, isInside: isInside)
  }
}

private func linkNumber(_ name: String) -> UInt32? {
  guard !name.contains("/"), let text = try? readText(Path("/sys/class/net/\(name)/ifindex")) else { return nil }
  return UInt32(text)
}

extension KnownAddress {
  init(_ named: NamedAddress) { self.init(named.address, container: named.container, network: named.network) }
}

extension KnownOwner {
  init(_ owner: AddressOwner) {
    switch owner {
    // As docker answers: a name that leads back to the address.
    case .container(let name, let network): self = .names(["\(name).\(network)"])
    case .nobody: self = .nobody
    case .elsewhere: self = .elsewhere
    }
  }
}

extension LaunchedContainer {
  mutating func takeNameSockets() -> NameSockets? {
    guard let opened = nameSockets.take() else { return nil }
    return NameSockets(datagrams: opened.datagrams, listener: opened.listener)
  }
}

extension ContainerRecord {
  /// A container that was made for the default network has nobody to ask for names. On other networks that it is connected to
  /// later it finds its neighbours in its /etc/hosts.
  func learnsNames(on network: String) -> Bool { !asksSupervisor && network != Network.defaultName }
}

// MARK: - Files in /etc

extension NetworkUse {
  /// On the default network, as with docker, programs ask the host's servers themselves, and there are no names.
  var asksSupervisor: Bool { records.contains { $0.network != Network.defaultName } }

  /// As docker has it, the container's own names and no others.
  func hosts(_ wishes: NetworkWishes) -> [UInt8] {
    let extra = wishes.extraHosts.flatMap(resolved)
    if mode == "host", extra.isEmpty { return (try? readFile("/etc/hosts", limit: 1 << 20)) ?? [] }
    if let sharedFiles { return (try? readFile(sharedFiles.hosts, limit: 1 << 20)) ?? [] }
    var names = [hostname]
    if !wishes.domainName.isEmpty { names.insert("\(hostname).\(wishes.domainName)", at: 0) }
    let own = records.flatMap { [$0.address, $0.address6] }.filter { !$0.isEmpty }
      .map { HostsEntry(address: $0, names: names) }
    // pasta's addresses are the host's, which may change; the name has to lead to the container all the same.
    let loopback = ForwarderProgram(mode: mode) != nil ? [HostsEntry(address: "127.0.1.1", names: names)] : []
    let others = loopback + extra.map { HostsEntry(address: $0.value, names: [$0.name]) }
    if mode == "host" {
      let host = (try? readText("/etc/hosts", limit: 1 << 20)) ?? ""
      return Array((host + "\n" + others.map(\.line).joined()).utf8)
    }
    return Array(HostsFile.base(own: own, extra: others).utf8)
  }

  /// The host, where that is asked for: the way out of the first network that has one.
  private func resolved(_ entry: Label) -> [Label] {
    guard entry.value == Label.hostGateway else { return [entry] }
    // The gateway of a macvlan is a router somewhere else.
    let outlet = records.first { !$0.bridge.isEmpty && (!$0.gateway.isEmpty || !$0.gateway6.isEmpty) }
    let gateways = [outlet?.gateway, outlet?.gateway6].compactMap { $0 }.filter { !$0.isEmpty }
    // With the host's network, the host is the container's own.
    return (gateways.isEmpty && mode == "host" ? ["127.0.0.1"] : gateways).map { Label(name: entry.name, value: $0) }
  }

  func resolvConf(_ request: ResolvRequest) -> [UInt8] {
    let host = (try? readText("/etc/resolv.conf")) ?? ""
    if let sharedFiles, request == ResolvRequest() {
      return (try? readFile(sharedFiles.resolvConf, limit: 1 << 20)) ?? Array(host.utf8)
    }
    if mode == "host" && request == ResolvRequest() { return Array((host + "\n").utf8) }
    if asksSupervisor { return Array(ResolvConf.answered(host: host, request).text.utf8) }
    if !isRootOfHost() {
      let program = ForwarderProgram(mode: mode) ?? .installed ?? .pasta
      return Array(ResolvConf.plain(host: host, request, instead: [program.resolver]).text.utf8)
    }
    let actual = (try? readText(Path(resolvConfPath(host: host)))) ?? host
    return Array(ResolvConf.plain(host: actual, request).text.utf8)
  }
}
