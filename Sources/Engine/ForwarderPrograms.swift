internal import Arguments
internal import Kernel
internal import Networks
internal import Steps

// The programs that an ordinary user's packets go through: pasta(1) of the package passt, or slirp4netns(1), whichever is there.

enum ForwarderProgram: String, CaseIterable, Sendable {
  /// Opens sockets of the host with the container's own addresses, which are the host's. The first where both are there: servers
  /// see who called, and it knows both families.
  case pasta
  /// A network of its own, 10.0.2.0/24, behind an address translation in the program.
  case slirp4netns

  var places: [Path] { ["/usr/bin", "/usr/local/bin", "/bin"].map { Path("\($0)/\(rawValue)") } }

  /// Nil where it is not installed.
  var path: Path? { places.first { mayExecute($0) } }

  static var installed: ForwarderProgram? { allCases.first { $0.path != nil } }

  /// What it passes on to the host's resolvers, those on the host's loopback too.
  var resolver: String {
    switch self {
    case .pasta: "169.254.1.1"
    case .slirp4netns: "10.0.2.3"
    }
  }

  /// By the word after `--network`; options may follow a colon, as podman has it.
  init?(mode: String) { self.init(rawValue: String(mode.prefix { $0 != ":" })) }
}

/// `--network slirp4netns:KEY=VALUE,…`, of podman's those that a container sees.
struct SlirpOptions: Hashable, Sendable {
  var reachesHostLoopback = false
  var hasIPv6 = false
  var mtu: UInt32 = 65_520

  init() {}

  init(mode: String) throws(OptionError) {
    let words = mode.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard words.count == 2 else { return }
    for word in words[1].split(separator: ",", omittingEmptySubsequences: false) {
      let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
      switch (parts.first ?? "", parts.count > 1 ? parts[1] : "") {
      case ("allow_host_loopback", let value): reachesHostLoopback = try Self.flag(value)
      case ("enable_ipv6", let value): hasIPv6 = try Self.flag(value)
      case ("mtu", let value):
        guard let number = UInt32(value), (576...65_521).contains(number) else {
          throw OptionError("slirp4netns takes an mtu from 576 to 65521")
        }
        mtu = number
      default:
        throw OptionError(
          "\"\(word)\" is no option of slirp4netns here", suggestion: "allow_host_loopback, enable_ipv6 or mtu")
      }
    }
  }

  private static func flag(_ value: String) throws(OptionError) -> Bool {
    guard ["true", "false"].contains(value) else { throw OptionError("\"\(value)\" is neither true nor false") }
    return value == "true"
  }

  var arguments: [String] {
    ["--configure", "--mtu=\(mtu)", "--enable-sandbox", "--enable-seccomp"]
      + (reachesHostLoopback ? [] : ["--disable-host-loopback"]) + (hasIPv6 ? ["--enable-ipv6"] : [])
  }
}

extension UserForwarder {
  /// The way out of networks that several containers are on.
  static func shared(_ program: ForwarderProgram, at path: Path, record: Path) -> UserForwarder {
    var forwarder: UserForwarder
    switch program {
    case .pasta:
      forwarder = UserForwarder(
        program: path, arguments: Engine.pastaArguments + ["--tcp-ports", "none", "--udp-ports", "none"],
        record: record)
    case .slirp4netns:
      forwarder = UserForwarder(program: path, arguments: SlirpOptions().arguments, record: record)
      forwarder.kind = .slirp4netns
    }
    forwarder.isShared = true
    return forwarder
  }

  /// slirp4netns for one container. Ports are asked for one by one once it runs; it listens on IPv4 alone.
  ///
  /// - Parameter socket: where it is asked; gone when it has answered.
  static func slirp(
    _ options: SlirpOptions, at path: Path, ports: [PublishedPort], socket: Path, record: Path
  ) -> UserForwarder {
    var forwarder = UserForwarder(program: path, arguments: options.arguments, record: record)
    forwarder.kind = .slirp4netns
    guard !ports.isEmpty else { return forwarder }
    forwarder.arguments += ["--api-socket", socket.string]
    forwarder.socket = socket
    forwarder.requests = ports.map {
      #"{"execute":"add_hostfwd","arguments":{"proto":"\#($0.transport)","host_addr":"\#($0.address)","#
        + #""host_port":\#($0.hostPort),"guest_port":\#($0.containerPort)}}"#
    }
    return forwarder
  }
}
