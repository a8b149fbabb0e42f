package import Kernel

/// How questions for names come to the supervisor's sockets.
package enum NameRedirect {
  /// Where programs ask.
  package static let usualPort: UInt16 = 53
  /// Where they are heard. Above the ports that the kernel gives away by itself, so that none of the container's is taken.
  package static let port: UInt16 = 63_053
  /// As docker has it: many a configuration names it.
  package static let address = IPv4Address(127, 0, 0, 11)

  /// Rules of the container's own namespace. Packets are rewritten, no connection is tracked: that would be paid for by
  /// everything that the container sends to itself. A question is rewritten before, an answer after all that looks at
  /// connections, so that a firewall of the container sees both of the same one.
  package static let change: FirewallChange = {
    let transports = [PortEntry.Transport.udp, .tcp]
    return FirewallChange(
      table: "skiff_names",
      [
        .addTable, .addChain(FirewallChain("questions", .sent)), .addChain(FirewallChain("answers", .received)),
      ]
        + transports.map {
          .addRule(
            chain: "questions",
            FirewallRule(
              [.destination($0, address, port: usualPort)], .rewriteDestinationPort($0, port),
              comment: "names are asked of Skiff"))
        }
        + transports.map {
          .addRule(
            chain: "answers",
            FirewallRule(
              [.sender($0, address, port: port)], .rewriteSourcePort($0, usualPort), comment: "and it answers"))
        })
  }()
}
