internal import Containers
internal import Kernel
internal import Networks
internal import Steps

/// What a container's network comes to.
struct NetworkUse: Sendable {
  /// As `inspect` shows it: `bridge`, `none`, `host`, `container:ID`, a name.
  var mode: String
  var record: NetworkRecord?
  /// `container:ID`: the namespace that is joined.
  var sharedNamespace: Path?
  var hostname: String
}

extension Engine {
  func prepareNetwork(
    _ request: NetworkRequest, _ identifier: ContainerIdentifier, name: String, hostname: String, rehearsal: Bool
  ) throws(Failure) -> NetworkUse {
    switch request {
    case .none: return NetworkUse(mode: "none", hostname: hostname)
    case .host: return NetworkUse(mode: "host", hostname: hostname)
    case .container(let word):
      let other = try find(word)
      let process = try runningProcess(of: other, named: word).identity.process
      return NetworkUse(
        mode: "container:\(other)", sharedNamespace: Path("/proc/\(process)/ns/net"), hostname: hostname)
    case .bridge, .named: throw Failure(.usage, "networks are not wired yet")
    }
  }

  func releaseNetwork(of identifier: ContainerIdentifier, record: ContainerRecord?) {}
  func announce(_ record: ContainerRecord, _ files: ContainerFiles) {}

  func networkSteps(of record: ContainerRecord) throws(Failure) -> (wiring: [NetworkStep], inside: [NetworkStep]) {
    let ownsNamespace = record.networkMode != "host" && !record.networkMode.hasPrefix("container:")
    return ([], ownsNamespace ? [.setUp(.loopback)] : [])
  }
}

extension NetworkUse {
  func hosts(_ extra: [Label]) -> [UInt8] {
    Array("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n".utf8)
  }
  func resolvConf(_ servers: [String]) -> [UInt8] { (try? readFile("/etc/resolv.conf", limit: 65_536)) ?? [] }
}
