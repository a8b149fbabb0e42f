internal import Kernel

/// A resolv.conf(5), taken apart and put together as docker does it.
package struct ResolvConf: Hashable, Sendable {
  package var servers: [String] = []
  /// Of the last line of its kind; `domain` is an old word for it.
  package var search: [String] = []
  package var options: [String] = []
  /// Lines of other kinds, as they stand there.
  package var other: [String] = []

  package init(_ text: String) {
    for line in text.split(separator: "\n").prefix(4096) {
      let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }.map(String.init)
      guard let first = words.first, !first.hasPrefix("#"), !first.hasPrefix(";") else { continue }
      switch first {
      case "nameserver": servers += words.dropFirst().prefix(1)
      case "search", "domain": if words.count > 1 { search = Array(words.dropFirst()) }
      case "options": options += words.dropFirst()
      default: other.append(words.joined(separator: " "))
      }
    }
  }

  package var text: String {
    var lines = servers.map { "nameserver \($0)" }
    if !search.isEmpty { lines.append("search " + search.joined(separator: " ")) }
    if !options.isEmpty { lines.append("options " + options.joined(separator: " ")) }
    return (lines + other).map { $0 + "\n" }.joined()
  }
}

/// `--dns`, `--dns-search`, `--dns-option`.
package struct ResolvRequest: Hashable, Sendable {
  package var servers: [String] = []
  package var search: [String] = []
  package var options: [String] = []
  package init() {}
}

extension ResolvConf {
  /// What is asked for replaces what the host has, kind by kind; `--dns-search .` is no search list at all.
  mutating func override(by request: ResolvRequest) {
    if !request.servers.isEmpty { servers = request.servers }
    if !request.search.isEmpty { search = request.search == ["."] ? [] : request.search }
    if !request.options.isEmpty { options = request.options }
  }

  /// Of a container whose supervisor answers for it: that is the only one to ask, and it is asked for names without a dot as
  /// they are, before the search list makes other names of them.
  package static func answered(host: String, _ request: ResolvRequest) -> ResolvConf {
    var conf = ResolvConf(host)
    conf.override(by: request)
    conf.servers = ["127.0.0.11"]
    // One that is no number counts as none.
    conf.options.removeAll { $0.hasPrefix("ndots:") && UInt8($0.dropFirst(6)) == nil }
    if !conf.options.contains(where: { $0.hasPrefix("ndots:") }) { conf.options.append("ndots:0") }
    return conf
  }

  /// Of a container that asks servers itself: the host's without those that only the host can reach.
  ///
  /// - Parameter others: where none is left; the public ones that docker takes.
  /// - Parameter host: /etc/resolv.conf of the host, or what systemd-resolved has behind its stub: see `resolvConfPath`.
  package static func plain(
    host: String, _ request: ResolvRequest, instead others: [String] = ["8.8.8.8", "8.8.4.4"]
  ) -> ResolvConf {
    var conf = ResolvConf(host)
    conf.servers.removeAll(where: isLoopbackServer)
    if conf.servers.isEmpty { conf.servers = others }
    conf.override(by: request)
    return conf
  }
}

/// Which file of the host names its resolvers: behind systemd-resolved's stub, the file with the real ones.
package func resolvConfPath(host: String) -> String {
  nameServers(in: host) == ["127.0.0.53"] ? "/run/systemd/resolve/resolv.conf" : "/etc/resolv.conf"
}

func nameServers(in text: String) -> [String] { ResolvConf(text).servers }

/// In the container, a loopback address is the container's own.
private func isLoopbackServer(_ server: String) -> Bool {
  let address = server.prefix { $0 != "%" }
  return IPAddress(address)?.isLoopback ?? false
}
