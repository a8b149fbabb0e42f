internal import Containers
internal import Kernel
internal import Launching
internal import Networks
internal import Steps

// An ordinary user's network: a namespace of the container's own, and a program (ForwarderPrograms.swift) that opens sockets of the
// host for what goes out and listens for what is published. Without a bridge there are no other containers on it; see
// UserBridges.swift for those.

extension Engine {
  /// Decides on the ports; nothing is started yet.
  func forwardedNetwork(
    _ request: NetworkRequest, hostname: String, ports requests: [PortRequest]
  ) throws(Failure) -> NetworkUse {
    let mode = try forwardedMode(of: request)
    var use = NetworkUse(mode: mode, hostname: hostname)
    let program = ForwarderProgram(mode: mode)
    var taken = TakenPorts()
    for request in requests { use.ports += try freePorts(for: request, by: program, besides: &taken) }
    return use
  }

  /// As the record has it: what is there decides where nobody has named one.
  func forwardedMode(of request: NetworkRequest) throws(Failure) -> String {
    guard case .named(let mode) = request, let program = ForwarderProgram(mode: mode) else {
      return try usableForwarder().program.rawValue
    }
    _ = try usableForwarder(program)
    return mode
  }

  /// - Parameter wanted: nil for whichever is there.
  func usableForwarder(_ wanted: ForwarderProgram? = nil) throws(Failure) -> (program: ForwarderProgram, path: Path) {
    guard let program = wanted ?? ForwarderProgram.installed, let path = program.path else {
      let package = wanted == .slirp4netns ? "slirp4netns" : "passt"
      throw Failure(
        .host,
        "an ordinary user's network needs the program \(wanted?.rawValue ?? "pasta or slirp4netns"), which is not installed",
        hint: "install it (Debian and Fedora package \(package)): sudo apt-get install \(package); "
          + "or use --network none or host")
    }
    let tunnel = Path("/dev/net/tun")
    guard mayWrite(tunnel) else {
      throw Failure(
        .host, "\(program.rawValue) cannot open \(tunnel)",
        hint: exists(tunnel) ? "sudo chmod 666 \(tunnel)" : "sudo modprobe tun")
    }
    return (program, path)
  }

  /// A port that is free now. The program takes it when the container starts, and who was faster then is told of by it.
  ///
  /// - Parameter program: nil where Skiff's own relay listens.
  func freePorts(
    for request: PortRequest, by program: ForwarderProgram?, besides taken: inout TakenPorts
  ) throws(Failure) -> [PublishedPort] {
    if request.transport == .sctp {
      throw Failure(
        .usage, "port \(request.containerPort)/sctp: an ordinary user publishes tcp and udp alone", hint: "leave it out"
      )
    }
    // Its API has no other: "add_hostfwd: Expose a port (IPv4 only)" in slirp4netns(1), rootless-containers/slirp4netns#253.
    if program == .slirp4netns, let address = request.address, address.v6 != nil {
      throw Failure(
        .usage, "port \(request.containerPort) on [\(address)]: slirp4netns listens on IPv4 alone",
        hint: ForwarderProgram.pasta.path != nil
          ? "--network pasta listens on IPv6 too, where the host has a route of it; or leave the address out"
          : "install pasta, which listens on IPv6 too: sudo apt-get install passt; or leave the address out")
    }
    // All addresses are those of both families, where the host has both.
    let hasIPv6 = program == .pasta && ((try? readText("/proc/net/if_inet6")) ?? "").isEmpty == false
    let addresses = request.address.map { [$0] } ?? [.anyIPv4] + (hasIPv6 ? [.anyIPv6] : [])
    var first: NetworkError?
    var range = request.hostPorts.map { $0.makeIterator() }
    while let number = range == nil ? taken.candidate(request.transport) : range?.next() {
      let ports = addresses.map {
        PublishedPort(request.transport, address: $0, hostPort: number, containerPort: request.containerPort)
      }
      guard !taken.have(anyOf: ports) else { continue }
      do throws(NetworkError) {
        let hold = try PortHold(of: ports, use: .tried)
        hold.release()
        taken.take(ports)
        return ports
      } catch {
        first = first ?? error
        // What is not about that port would be so of all others.
        if range == nil && error.fault != nil { break }
      }
    }
    if first?.fault?.errno == .accessDenied, let port = request.hostPorts?.lowerBound {
      // The network namespace's own; the kernel's default where it cannot be read.
      let start = (try? readText("/proc/sys/net/ipv4/ip_unprivileged_port_start")) ?? "1024"
      throw Failure(
        .host, "port \(port) is not an ordinary user's to publish",
        hint: "take one from \(start) on, or: sudo sysctl -w net.ipv4.ip_unprivileged_port_start=\(port)")
    }
    if let first { throw Failure(first) }
    throw Failure(
      .conflict, "no port of the host is free for \(request.containerPort)/\(request.transport)",
      hint: "name others with -p")
  }

  func forwarderRecord(of files: ContainerFiles) -> Path { files.runDirectory.appending("forwarder") }

  static let pastaArguments = [
    "--foreground", "--quiet", "--config-net", "--netns-only", "--no-netns-quit", "--no-map-gw", "--tcp-ns", "none",
    "--udp-ns", "none", "--dns-forward", ForwarderProgram.pasta.resolver,
  ]

  /// The step that starts the program for the container; nil for a container that has no such network.
  func forwarderStep(of record: ContainerRecord) -> NetworkStep? {
    guard let program = ForwarderProgram(mode: record.networkMode),
      let identifier = ContainerIdentifier(record.identifier)
    else { return nil }
    let path = program.path ?? program.places[0]
    let ports = record.ports.compactMap(PublishedPort.init)
    let place = forwarderRecord(of: store.files(of: identifier))
    guard program == .pasta else {
      // A socket's path holds 107 bytes, and a container's directory is long.
      return .startForwarder(
        .slirp(
          (try? SlirpOptions(mode: record.networkMode)) ?? SlirpOptions(), at: path, ports: ports,
          socket: state.run.appending("slirp-\(identifier.short)"), record: place))
    }
    var arguments = Self.pastaArguments
    for (option, transport) in [("--tcp-ports", PortEntry.Transport.tcp), ("--udp-ports", .udp)] {
      let words = forwardedPorts(ports.filter { $0.transport == transport })
      for word in words.isEmpty ? ["none"] : words { arguments += [option, word] }
    }
    return .startForwarder(UserForwarder(program: path, arguments: arguments, record: place))
  }

  /// `ADDRESS/HOST:CONTAINER`; without an address it is all of both families.
  private func forwardedPorts(_ ports: [PublishedPort]) -> [String] {
    let all = Set(ports)
    return ports.compactMap { port in
      let word = "\(port.hostPort):\(port.containerPort)"
      func has(_ address: IPAddress) -> Bool {
        var other = port
        other.address = address
        return all.contains(other)
      }
      if port.address == .anyIPv4 || port.address == .anyIPv6, has(.anyIPv4), has(.anyIPv6) {
        return port.address == .anyIPv4 ? word : nil
      }
      return "\(port.address)/\(word)"
    }
  }

  /// Whatever became of its supervisor.
  func stopForwarder(of identifier: ContainerIdentifier) {
    let record = forwarderRecord(of: store.files(of: identifier))
    if exists(record) { _ = performUndo([.network(.stopForwarder(record: record))]) }
  }
}

/// Host ports that are given to one container while it is thought through: nothing of them is claimed yet.
struct TakenPorts {
  private var ends: Set<PublishedPort> = []
  private var candidates: [PortEntry.Transport: PortCandidates] = [:]

  private func end(_ port: PublishedPort) -> PublishedPort {
    PublishedPort(port.transport, address: port.address, hostPort: port.hostPort, containerPort: 0)
  }

  func have(anyOf ports: [PublishedPort]) -> Bool { ports.contains { ends.contains(end($0)) } }
  mutating func take(_ ports: [PublishedPort]) { ends.formUnion(ports.map(end)) }

  mutating func candidate(_ transport: PortEntry.Transport) -> UInt16? {
    candidates[transport, default: PortCandidates()].next()
  }
}
