internal import Kernel

/// A line of /etc/hosts (hosts(5)).
package struct HostsEntry: Hashable, Sendable {
  package var address: String
  package var names: [String]
  package init(address: String, names: [String]) {
    self.address = address
    self.names = names
  }
  package var line: String { "\(address)\t\(names.joined(separator: " "))\n" }
}

/// A container's /etc/hosts: what docker writes, then the container's own entries, then a part for each of its networks,
/// between two marks. Only that part is written again as others come and go; what the container changed elsewhere stays.
package struct HostsFile: Hashable, Sendable {
  /// The file's text without anybody else's names.
  ///
  /// - Parameters:
  ///   - own: the container's addresses and names; empty without a network of its own.
  ///   - extra: `--add-host`.
  package static func base(own: [HostsEntry], extra: [HostsEntry] = []) -> String {
    let standard = [
      HostsEntry(address: "127.0.0.1", names: ["localhost"]),
      HostsEntry(address: "::1", names: ["localhost", "ip6-localhost", "ip6-loopback"]),
      HostsEntry(address: "fe00::0", names: ["ip6-localnet"]),
      HostsEntry(address: "ff00::0", names: ["ip6-mcastprefix"]),
      HostsEntry(address: "ff02::1", names: ["ip6-allnodes"]),
      HostsEntry(address: "ff02::2", names: ["ip6-allrouters"]),
    ]
    return (standard + extra + own).map(\.line).joined()
  }

  /// The text with the part of `network` replaced, or added at the end.
  package static func text(_ text: String, network: String, members: [HostsEntry]) -> String {
    let begin = "# skiff: names on network \(network)"
    let end = "# skiff: end of network \(network)"
    var kept: [Substring] = []
    var isInside = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line == begin {
        isInside = true
      } else if line == end {
        isInside = false
      } else if !isInside {
        kept.append(line)
      }
    }
    // A begin without its end: somebody cut the file there; what follows it cannot be told from ours.
    while kept.last == "" { kept.removeLast() }
    var lines = kept.map { $0 + "\n" }.joined()
    if !members.isEmpty { lines += "\(begin)\n" + members.map(\.line).joined() + "\(end)\n" }
    return lines
  }
}
