internal import Kernel
internal import Steps

// Which port of the host a request gets.

extension NetworkStore {
  func refusePublishing(on attachment: NetworkAttachment) throws(NetworkError) {
    guard attachment.macvlan == nil else {
      throw NetworkError(
        .usage, "network \(attachment.network) is a macvlan: its containers have addresses of the network outside",
        hint: "leave -p out, and reach the container by its own address")
    }
    guard attachment.gateway == nil else { return }
    throw NetworkError(
      .usage, "network \(attachment.network) is internal: nothing of it is published",
      hint: "leave -p out, or use another network")
  }

  /// What the requests come to: a claim for each family, nothing of it taken yet.
  func claimsWanted(
    _ requests: [PortRequest], for container: String, at attachment: NetworkAttachment, among book: inout PortBook,
    name: (String) -> String?
  ) throws(NetworkError) -> [PortClaim] {
    let binding = (try read(attachment.network))?.hostBinding
    var wanted: [PortClaim] = []
    for request in requests {
      let addresses = try hostAddresses(of: request, binding, at: attachment)
      let hostPort = try choose(request, addresses, among: &book, name: name)
      for address in addresses {
        let target: IPAddress =
          if address.v6 != nil, let inner = attachment.address6 { .v6(inner.address) } else {
            .v4(attachment.address.address)
          }
        let claim = PortClaim(
          PublishedPort(
            request.transport, address: address, hostPort: hostPort, containerPort: request.containerPort),
          container: container, network: attachment.network, address: target)
        wanted.append(claim)
        book.enter(claim)
      }
    }
    return wanted
  }

  /// All addresses are those of both families, where the container has both.
  private func hostAddresses(
    of request: PortRequest, _ binding: IPv4Address?, at attachment: NetworkAttachment
  ) throws(NetworkError) -> [IPAddress] {
    let hasIPv6 = attachment.address6 != nil && attachment.gateway6 != nil
    guard let address = request.address else {
      if let binding { return [.v4(binding)] }
      return hasIPv6 ? [.anyIPv4, .anyIPv6] : [.anyIPv4]
    }
    guard case .v6(let address6) = address else { return [address] }
    guard hasIPv6 else {
      throw NetworkError(
        .usage, "network \(attachment.network) has no IPv6, so nothing is published on \(address.endWord)",
        hint: "skiff network create --ipv6 NAME, and --network NAME")
    }
    // The answer has ::1 for its destination again before the bridge has passed it up, and the kernel drops it for that.
    guard !address6.isLoopback || (try? readText("/proc/sys/net/bridge/bridge-nf-call-ip6tables")) != "1" else {
      throw NetworkError(
        .host,
        "nothing leads from [::1] to a container while bridges pass their IPv6 through the firewall (br_netfilter)",
        hint: "sudo sysctl -w net.bridge.bridge-nf-call-ip6tables=0; or publish on 127.0.0.1")
    }
    return [address]
  }

  /// The host's port for a request, free on each of the addresses.
  private func choose(
    _ request: PortRequest, _ addresses: [IPAddress], among book: inout PortBook, name: (String) -> String?
  ) throws(NetworkError) -> UInt16 {
    guard let range = request.hostPorts else { return try anyPort(request, addresses, among: &book) }
    var taken: (address: IPAddress, claim: PortClaim?)?
    for port in range {
      taken = nil
      let claims = book.claims(on: request.transport, port)
      for address in addresses {
        let claim = claims.first { $0.excludes(request.transport, address, port) }
        let isFree = try describing("cannot try port \(address.endWord):\(port)/\(request.transport)") {
          () throws(Fault) in claim == nil ? try freeHostPort(request.transport, address, port) != nil : false
        }
        if !isFree { taken = (address, claim) }
      }
      if taken == nil { return port }
    }
    let address = taken?.address ?? .anyIPv4
    guard range.count == 1 else {
      throw NetworkError(
        .conflict,
        "all ports \(address.endWord):\(range.lowerBound)-\(range.upperBound)/\(request.transport) are in use",
        hint: "choose a wider range, or leave the host's port out")
    }
    let other =
      if let claim = taken?.claim { "container \(name(claim.container) ?? String(claim.container.prefix(12)))" } else {
        holder(of: request.transport, port: range.lowerBound) ?? "a program of this host"
      }
    throw portIsTaken(
      PublishedPort(
        request.transport, address: address, hostPort: range.lowerBound, containerPort: request.containerPort),
      by: other)
  }

  /// Any that is free on each of the addresses.
  private func anyPort(
    _ request: PortRequest, _ addresses: [IPAddress], among book: inout PortBook
  ) throws(NetworkError) -> UInt16 {
    while let port = book.candidate(request.transport) {
      let claims = book.claims(on: request.transport, port)
      guard !addresses.contains(where: { address in claims.contains { $0.excludes(request.transport, address, port) } })
      else { continue }
      let isFree = try describing("cannot find a free port") { () throws(Fault) in
        for address in addresses where try freeHostPort(request.transport, address, port) == nil { return false }
        return true
      }
      if isFree { return port }
    }
    throw NetworkError(
      .conflict, "no free port is left for \(request.containerPort)/\(request.transport)",
      hint: "name the host's ports with -p, or have more: sudo sysctl -w net.ipv4.ip_local_port_range=\"16384 60999\"")
  }
}
