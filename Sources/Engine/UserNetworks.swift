internal import Containers
internal import Kernel
internal import Launching
internal import Networks
internal import Steps

// An ordinary user's network: a namespace of the container's own, and pasta(1), which opens sockets of the host for what goes
// out and listens for what is published. Without a bridge there are no other containers on it; see UserBridges.swift for those.

extension Engine {
  static let userNetwork = "pasta"

  /// What pasta passes on to the host's resolvers, those on its loopback too.
  static let forwardedResolver = "169.254.1.1"

  /// Nil where the program is missing.
  static var forwarder: Path? { forwarderPlaces.first { mayExecute($0) } }
  static let forwarderPlaces: [Path] = ["/usr/bin/pasta", "/usr/local/bin/pasta", "/bin/pasta"]

  /// Decides on the ports; nothing is started yet.
  func forwardedNetwork(hostname: String, ports requests: [PortRequest]) throws(Failure) -> NetworkUse {
    _ = try usableForwarder()
    var use = NetworkUse(mode: Self.userNetwork, hostname: hostname)
    for request in requests { use.ports += try freePorts(for: request, besides: use.ports) }
    return use
  }

  func usableForwarder() throws(Failure) -> Path {
    guard let program = Self.forwarder else {
      throw Failure(
        .host, "an ordinary user's network needs the program pasta, which is not installed",
        hint: "install it (Debian and Fedora package passt): sudo apt-get install passt; or use --network none or host")
    }
    let tunnel = Path("/dev/net/tun")
    guard mayWrite(tunnel) else {
      throw Failure(
        .host, "pasta cannot open \(tunnel)",
        hint: exists(tunnel) ? "sudo chmod 666 \(tunnel)" : "sudo modprobe tun")
    }
    return program
  }

  /// A port that is free now. pasta takes it when the container starts, and who was faster then is told of by it.
  private func freePorts(for request: PortRequest, besides taken: [PublishedPort]) throws(Failure) -> [PublishedPort] {
    if request.transport == .sctp {
      throw Failure(
        .usage, "port \(request.containerPort)/sctp: pasta forwards tcp and udp alone", hint: "leave it out")
    }
    // All addresses are those of both families, where the host has both.
    let hasIPv6 = ((try? readText("/proc/net/if_inet6")) ?? "").isEmpty == false
    let addresses = request.address.map { [$0] } ?? [.anyIPv4] + (hasIPv6 ? [.anyIPv6] : [])
    var first: NetworkError?
    for number in request.hostPorts.map(Array.init) ?? (0..<64).map({ _ in UInt16.random(in: 32_768...60_999) }) {
      let ports = addresses.map {
        PublishedPort(request.transport, address: $0, hostPort: number, containerPort: request.containerPort)
      }
      if taken.contains(where: { $0.hostPort == number && $0.transport == request.transport && ports.contains($0) }) {
        continue
      }
      do throws(NetworkError) {
        let hold = try PortHold(of: ports, drops: false)
        hold.release()
        return ports
      } catch { first = first ?? error }
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

  static let forwarderArguments = [
    "--foreground", "--quiet", "--config-net", "--netns-only", "--no-netns-quit", "--no-map-gw", "--tcp-ns", "none",
    "--udp-ns", "none", "--dns-forward", forwardedResolver,
  ]

  /// The step that starts pasta for the container; nil for a container that has no such network.
  func forwarderStep(of record: ContainerRecord) -> NetworkStep? {
    guard record.networkMode == Self.userNetwork, let identifier = ContainerIdentifier(record.identifier) else {
      return nil
    }
    var arguments = Self.forwarderArguments
    for (option, transport) in [("--tcp-ports", PortEntry.Transport.tcp), ("--udp-ports", .udp)] {
      let words = forwardedPorts(record.ports.compactMap(PublishedPort.init).filter { $0.transport == transport })
      for word in words.isEmpty ? ["none"] : words { arguments += [option, word] }
    }
    return .startForwarder(
      UserForwarder(
        program: Self.forwarder ?? "/usr/bin/pasta", arguments: arguments,
        record: forwarderRecord(of: store.files(of: identifier))))
  }

  /// `ADDRESS/HOST:CONTAINER`; without an address it is all of both families.
  private func forwardedPorts(_ ports: [PublishedPort]) -> [String] {
    ports.compactMap { port in
      let word = "\(port.hostPort):\(port.containerPort)"
      func has(_ address: IPAddress) -> Bool {
        ports.contains {
          $0.address == address && $0.hostPort == port.hostPort && $0.containerPort == port.containerPort
        }
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
