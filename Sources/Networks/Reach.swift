internal import Firewall
package import Kernel
internal import Netlink
internal import Steps

/// Whether somebody reaches something, and why: one line of `skiff net explain`.
package struct Reach: Hashable, Sendable {
  package enum Answer: String, Hashable, Sendable { case yes, no, some }
  /// `other machines`
  package var who: String
  package var answer: Answer
  package var why: String

  package init(_ who: String, _ answer: Answer, _ why: String) {
    self.who = who
    self.answer = answer
    self.why = why
  }
}

// The words follow the rules of Ruleset.swift in their order; `skiff net verify` tries whether they are true.

extension NetworkStore {
  /// Who reaches a published port.
  ///
  /// - Parameter address: the container's, of the port's family.
  package func reach(
    of port: PublishedPort, at address: IPAddress, on network: Network
  ) throws(NetworkError) -> [Reach] {
    let entry = port.entry(to: address)
    let isLocal = port.address.isLoopback
    let kind = port.address.v6 == nil ? "" : " IPv6"
    let end =
      entry.address == nil ? "port \(port.hostPort) of any\(kind) address of this host" : port.hostEnd
    let host = try firewallOfHost()
    var lines = [
      Reach(
        "this host", .yes,
        entry.address != nil
          ? "\(end) (chain output)"
          : port.address.v6 == nil
            ? "127.0.0.1:\(port.hostPort), or any of its addresses (chain output)"
            : "any of its IPv6 addresses but [::1], which is published by itself: -p '[::1]:\(port.hostPort):\(port.containerPort)' (chain output)"
      )
    ]
    if isLocal {
      lines.append(
        Reach(
          "other machines", .no,
          "the loopback is this host's alone: what comes for it from outside is dropped (chain arrival)"))
    } else {
      lines += reachFromOutside(of: entry, end: end, on: network, host)
    }
    if let line = closedWithin(network, host) {
      lines.append(line)
    } else {
      lines.append(
        Reach(
          "its network", .yes,
          "\(address.endWord):\(port.containerPort) directly"
            + (isLocal ? "" : ", or this host's port \(port.hostPort)")))
    }
    lines.append(
      isLocal
        ? Reach("other networks", .no, "for containers too, \(port.address.endWord) is their own")
        : Reach(
          "other networks", .yes,
          "by this host's port \(port.hostPort); not directly: networks are apart (chain forward)"))
    return lines
  }

  /// Where the host's firewall filters what its bridges pass, and does not let it.
  private func closedWithin(_ network: Network, _ host: HostFirewall) -> Reach? {
    let member = Ruleset.Member(network)
    guard member.allowsTraffic else {
      return Reach(
        "its network", .no, "the network keeps its containers apart (com.docker.network.bridge.enable_icc=false)")
    }
    let places = host.obstaclesWithin(member)
    guard let place = places.first(where: { !$0.isOurs }) else { return nil }
    return Reach("its network", .no, "\(place.words); to let them: \(place.cureForWayOut(network.bridge))")
  }

  private func reachFromOutside(
    of entry: PortEntry, end: String, on network: Network, _ host: HostFirewall
  ) -> [Reach] {
    guard !host.rules.isEmpty else {
      return [
        Reach(
          "other machines", .yes,
          "\(end) (chain prerouting): whoever has a route here, the internet too; the host has no firewall of its own")
      ]
    }
    var lines: [Reach] = []
    for link in host.links.map(\.name) {
      let (ruling, isForward) = host.decidingRuling(on: entry, from: link, to: network.bridge)
      let kind = isForward ? "what is forwarded" : "what comes in"
      var why: String
      let answer: Reach.Answer
      if ruling.accepted.isAll {
        answer = .yes
        why = "\(end) (chain prerouting); the host's own rules about \(kind) let it pass"
      } else {
        answer = ruling.accepted.isEmpty ? .no : .some
        why = ruling.accepted.isEmpty ? "" : "from \(ruling.accepted) only: "
        if let place = ruling.obstacles.first {
          let obstacle = HostObstacle(bridge: network.bridge, port: entry, isForward: isForward, place: place)
          why += "\(place.words); to open it: \(obstacle.cure(bridge: network.bridge))"
        }
        if ruling.isUncertain { why += "; some of its rules Skiff does not understand: they count as closed" }
      }
      lines.append(Reach("other machines", answer, why + (host.links.count > 1 ? " (by \(link))" : "")))
    }
    // One line where every link gives the same answer.
    let words = Set(lines.map { $0.answer.rawValue + $0.why.split(separator: "(by ")[0] })
    if words.count == 1, lines.count > 1 {
      lines = [Reach(lines[0].who, lines[0].answer, String(lines[0].why.split(separator: " (by ")[0]))]
    }
    return lines.isEmpty ? [Reach("other machines", .no, "this host has no link to any")] : lines
  }

  /// Who reaches what a container listens on and does not publish, and where it gets itself.
  package func reachUnpublished(
    at address: IPv4Address, _ address6: IPv6Address?, on network: Network
  ) throws(NetworkError) -> [Reach] {
    let address = address.description + (address6.map { " or \($0)" } ?? "")
    let host = try firewallOfHost()
    var lines = [
      Reach("this host", .yes, "\(address), any port, by its bridge \(network.bridge)"),
      closedWithin(network, host) ?? Reach("its network", .yes, "\(address), any port, and by name"),
    ]
    if network.isInternal {
      lines.append(Reach("other networks", .no, "nothing enters an internal network (chain forward)"))
      lines.append(Reach("other machines", .no, "nothing enters an internal network (chain forward)"))
      lines.append(
        Reach("its own calls", .no, "it reaches its network and this host; nothing leaves an internal network"))
      return lines
    }
    lines.append(Reach("other networks", .no, "networks are apart (chain forward)"))
    lines.append(Reach("other machines", .no, "nothing comes in unasked (chain forward)"))
    let member = Ruleset.Member(network)
    let blocked = host.obstacles(for: [member]).first
    if let blocked {
      lines.append(
        Reach(
          "its own calls", .no,
          "\(blocked.place.words); to let them: \(blocked.place.cureForWayOut(network.bridge))"))
    } else {
      let isHelped = host.rules.own.contains { $0.comment.contains("\(network.bridge) reaches out") }
      lines.append(
        Reach(
          "its own calls", .yes,
          "everywhere that this host gets, with the host's address (chain postrouting)"
            + (isHelped ? "; a rule of Skiff's in the host's own firewall lets them pass" : "")))
    }
    return lines
  }

  private func firewallOfHost() throws(NetworkError) -> HostFirewall {
    try describing("cannot look at the firewall") { () throws(Fault) in
      var socket = try FirewallSocket()
      return try readHost(&socket, allLinks: true)
    }
  }

  /// What is missing of the network at this moment, for a person; nil when all is in place.
  package func fault(of network: Network) throws(NetworkError) -> String? {
    guard try !isReady(network) else { return nil }
    return
      "the bridge or the rules of network \(network.name) are not all in place now; the next container on it, or its "
      + "containers' supervisors, make them again"
  }

  /// Whose a port of this host is: a container's, by identifier, with what is published there.
  package func owners(ofPort port: UInt16) throws(NetworkError) -> [(container: String, port: PublishedPort)] {
    try describing("cannot read the published ports") { () throws(Fault) in
      try readClaims().filter { $0.port.hostPort == port }.map { ($0.container, $0.port) }
    }
  }

  /// `nginx (process 812)`, of a program of this host that listens there.
  package func listener(onPort port: UInt16) -> String? {
    holder(of: .tcp, port: port).map { "\($0), tcp" } ?? holder(of: .udp, port: port).map { "\($0), udp" }
  }

  /// Where the chains are that the words name.
  package var listing: String { "nft list table inet \(table)" }

  // MARK: - For the map

  /// Links of this host that are not ours, with their addresses.
  package func uplinks() throws(NetworkError) -> [(name: String, addresses: [String])] {
    try describing("cannot list the links") { () throws(Fault) in
      var socket = try RouteSocket()
      let links = try socket.links().filter { $0.name != "lo" && !isLinkOfSkiff($0.name) }
      let addresses = try socket.addresses()
      return links.map { link in
        (link.name, addresses.filter { $0.index == link.index }.map { "\($0.prefix)" })
      }
    }
  }

  /// Whether the network's bridge is there and up.
  package func isUp(_ network: Network) -> Bool { (try? bridge(of: network))??.isUp ?? false }
}

extension PublishedPort {
  /// In the firewall's map of its family, which is the container's address's too.
  func entry(to container: IPAddress) -> PortEntry {
    PortEntry(transport, address: address.isAny ? nil : address, port: hostPort, to: container, containerPort)
  }
}
