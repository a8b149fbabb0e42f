// A container's /etc/resolv.conf, as docker makes it (resolv.conf(5)).

/// The host's file without name servers that only the host can reach. Where none is left, the public ones that docker
/// takes.
///
/// - Parameters:
///   - host: /etc/resolv.conf of the host, or what systemd-resolved has behind its stub: see `resolvConfPath`.
///   - servers: `--dns`; they replace the host's.
///   - isInternal: an internal network has no way to a name server, so none is named (CVE-2024-29018).
package func containerResolvConf(host: String, servers: [String] = [], isInternal: Bool = false) -> String {
  var lines: [String] = []
  for line in host.split(separator: "\n", omittingEmptySubsequences: false).prefix(4096) {
    let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
    switch words.first {
    case "nameserver", nil: continue
    case let first? where first.hasPrefix("#") || first.hasPrefix(";"): continue
    default: lines.append(words.joined(separator: " "))
    }
  }
  var chosen = servers.isEmpty ? nameServers(in: host).filter { !isLoopbackServer($0) } : servers
  if chosen.isEmpty { chosen = ["8.8.8.8", "8.8.4.4"] }
  if isInternal && servers.isEmpty { chosen = [] }
  return (chosen.map { "nameserver \($0)" } + lines).map { $0 + "\n" }.joined()
}

/// Which file of the host names its resolvers: behind systemd-resolved's stub, the file with the real ones.
package func resolvConfPath(host: String) -> String {
  nameServers(in: host) == ["127.0.0.53"] ? "/run/systemd/resolve/resolv.conf" : "/etc/resolv.conf"
}

func nameServers(in text: String) -> [String] {
  text.split(separator: "\n").prefix(4096).compactMap { line in
    let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
    return words.count >= 2 && words[0] == "nameserver" ? String(words[1]) : nil
  }
}

/// In the container, a loopback address is the container's own.
private func isLoopbackServer(_ server: String) -> Bool {
  server.hasPrefix("127.") || server == "::1" || server.hasPrefix("::1%") || server == "0:0:0:0:0:0:0:1"
}
