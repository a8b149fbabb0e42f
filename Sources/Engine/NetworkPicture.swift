internal import Containers
internal import Kernel
package import Networks

/// What `skiff net explain` says of one container.
package struct ContainerReach: Sendable {
  package struct Part: Sendable {
    /// `port 80/tcp, published on 0.0.0.0:8080`
    package var title: String
    package var lines: [Reach]
  }
  /// `web, 172.17.0.2 on network bridge`
  package var title: String
  package var parts: [Part]
  package var notes: [String] = []
}

/// This host, its networks and who is on them: what `skiff network map` draws.
package struct NetworkPicture: Sendable {
  package struct Place: Sendable {
    package var name: String
    package var addresses: [String]
    /// `8080 -> 80/tcp`
    package var ports: [String]
    package init(name: String, addresses: [String], ports: [String]) {
      self.name = name
      self.addresses = addresses
      self.ports = ports
    }
  }
  package struct Segment: Sendable {
    package var name: String
    package var bridge: String
    package var gateway: String
    package var isInternal: Bool
    package var isUp: Bool
    package var places: [Place]
  }
  package var links: [Place]
  package var networks: [Segment]
  /// Containers that are on no network: by what they have instead.
  package var others: [(mode: String, names: [String])]
}

extension Engine {
  /// - Parameter port: one published port alone.
  package func reach(of word: String, port: PublishedPort? = nil) throws(Failure) -> [ContainerReach] {
    let identifier = try find(word)
    _ = try runningProcess(of: identifier, named: word)
    let record = try record(of: identifier)
    guard !record.networks.isEmpty else {
      let parts = ForwarderProgram(mode: record.networkMode) != nil ? forwarding(of: record, port: port) : []
      return [ContainerReach(title: record.name, parts: parts, notes: [withoutNetwork(record)])]
    }
    do throws(NetworkError) {
      var found: [ContainerReach] = []
      for (index, place) in record.networks.enumerated() {
        guard let address = IPv4Address(place.address) else { continue }
        let network = try networks.find(place.network)
        guard network.driver == .bridge else {
          let note =
            "it is on the LAN itself, by \(place.network): no rule of this host is between it and other machines"
          found.append(
            ContainerReach(title: "\(record.name), \(address) on network \(network.name)", parts: [], notes: [note]))
          continue
        }
        var reach = ContainerReach(
          title: "\(record.name), \(address) on network \(network.name)" + (network.isInternal ? " (internal)" : ""),
          parts: [])
        // Ports lead to one place: the network that has the container's default route.
        let ports = record.ports.compactMap(PublishedPort.init)
        for published in ports where port == nil || published == port {
          guard index == outlet(of: record), let inner = place.address(for: published) else { continue }
          reach.parts.append(
            .init(
              title:
                "port \(published.containerPort)/\(published.transport), published on "
                + published.hostEnd,
              lines: try isRelayed(record)
                ? relayedReach(of: record, published, at: inner, on: network)
                : networks.reach(of: published, at: inner, on: network)))
        }
        if port == nil {
          reach.parts.append(
            .init(
              title: record.ports.isEmpty ? "every port: none is published" : "every other port: not published",
              lines: try networks.reachUnpublished(at: address, IPv6Address(place.address6), on: network)))
        } else if reach.parts.isEmpty {
          continue
        }
        reach.notes.append("chains: \(networks.listing)")
        if let fault = try networks.fault(of: network) { reach.notes.append(fault) }
        found.append(reach)
      }
      return found
    } catch { throw Failure(error) }
  }

  /// As `attach` chooses it.
  func outlet(of record: ContainerRecord) -> Int {
    record.networks.firstIndex { !$0.gateway.isEmpty && $0.isDefaultRoute } ?? 0
  }

  private func withoutNetwork(_ record: ContainerRecord) -> String {
    switch record.networkMode {
    case "host": "it shares this host's network: whatever it listens on is a port of this host"
    case "none": "it has no network: nobody reaches it, and it reaches nobody"
    case let mode where ForwarderProgram(mode: mode) == .slirp4netns:
      "slirp4netns, a program of this user, carries its packets: what it opens are sockets of this user on the host; a server "
        + "in it sees who called, and 10.0.2.2 for callers on this host"
    case let mode where ForwarderProgram(mode: mode) == .pasta:
      "pasta, a program of this user, carries its packets: what it opens are sockets of this user on the host, and a server in "
        + "it sees who called"
    default: "it shares the network of \(record.networkMode): ask for that container"
    }
  }

  /// It listens like any program: the firewall of the host decides about its sockets as about others.
  private func forwarding(of record: ContainerRecord, port: PublishedPort?) -> [ContainerReach.Part] {
    let name = ForwarderProgram(mode: record.networkMode)?.rawValue ?? ""
    var parts = record.ports.compactMap(PublishedPort.init).filter { port == nil || $0 == port }.map { published in
      ContainerReach.Part(
        title: "port \(published.containerPort)/\(published.transport), published on "
          + published.hostEnd,
        lines: [
          Reach(
            "whoever reaches it", .yes,
            "\(name) listens there on the host and passes on to the container; the host's firewall rules for port "
              + "\(published.hostPort) of the host count")
        ])
    }
    if port == nil {
      parts.append(
        .init(
          title: record.ports.isEmpty ? "every port: none is published" : "every other port: not published",
          lines: [Reach("anybody", .no, "\(name) listens on no other port")]))
    }
    return parts
  }

  package func networkPicture() throws(Failure) -> NetworkPicture {
    let running = try summaries(includingEnded: false).map(\.record).sorted { $0.name < $1.name }
    do throws(NetworkError) {
      var picture = NetworkPicture(
        links: try networks.uplinks().map { .init(name: $0.name, addresses: $0.addresses, ports: []) }, networks: [],
        others: [])
      for network in try networks.all() {
        var segment = NetworkPicture.Segment(
          name: network.name, bridge: network.bridge, gateway: network.gatewayPrefix.description,
          isInternal: network.isInternal, isUp: networks.isUp(network), places: [])
        for record in running {
          for (index, place) in record.networks.enumerated() where place.network == network.name {
            segment.places.append(
              .init(
                name: record.name,
                addresses: [place.address, place.address6].filter { !$0.isEmpty },
                ports: index == outlet(of: record) ? record.ports.map(portWords) : []))
          }
        }
        picture.networks.append(segment)
      }
      let modes = Set(running.filter { $0.networks.isEmpty }.map(\.networkMode)).sorted()
      picture.others = modes.map { mode in
        (mode, running.filter { $0.networks.isEmpty && $0.networkMode == mode }.map(\.name))
      }
      return picture
    } catch { throw Failure(error) }
  }

  private func portWords(_ port: PortRecord) -> String {
    (port.address == "0.0.0.0" ? "" : (port.address.contains(":") ? "[\(port.address)]" : port.address) + ":")
      + "\(port.hostPort) -> \(port.containerEnd)"
  }
}

extension Engine {
  /// Calls the container from everywhere for real, and says what explain expects.
  package func verify(_ word: String, port: PublishedPort? = nil) throws(Failure) -> [Trial] {
    let identifier = try find(word)
    let process = try runningProcess(of: identifier, named: word).identity.process
    let record = try record(of: identifier)
    guard !record.networks.isEmpty else {
      throw Failure(.usage, "\(record.name) is on no network of Skiff's", hint: "skiff net explain \(record.name)")
    }
    let place: Descriptor
    do throws(Fault) { place = try openNamespace("/proc/\(process)/ns/net") } catch {
      throw Failure("cannot look at the network of \(record.name)", error)
    }
    do throws(NetworkError) {
      var trials: [Trial] = []
      for (index, member) in record.networks.enumerated() {
        guard let address = IPv4Address(member.address) else { continue }
        let network = try networks.find(member.network)
        guard network.driver == .bridge else { continue }
        let published = index == outlet(of: record) ? record.ports.compactMap(PublishedPort.init) : []
        let ports = published.filter { port == nil || $0 == port }
        if port != nil && ports.isEmpty { continue }
        trials += try networks.verify(
          ports, in: place.borrowed, at: address, IPv6Address(member.address6), on: network, isAlive: isAlive)
      }
      return trials
    } catch { throw Failure(error) }
  }
}

extension NetworkRecord {
  /// Where the port leads; nil for a family that the container has no address of.
  fileprivate func address(for port: PublishedPort) -> IPAddress? {
    port.address.v6 == nil ? IPv4Address(address).map { .v4($0) } : IPv6Address(address6).map { .v6($0) }
  }
}
