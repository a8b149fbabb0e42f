internal import Firewall
internal import Kernel
internal import Netlink

/// Links of this host that packets of others come by, neither the loopback nor ours, as far as its firewall tells them apart:
/// those that a rule is about, each by its name, and one that stands for all others. A host with a thousand links is asked for
/// three.
struct HostLinks {
  /// What rules are about, and the one that stands for the others.
  var asked: [Link]
  /// That one; nil where there is no other, or each is asked.
  var example: Link?
  private let mentions: LinkMentions

  /// Where rules are about more names than this, the whole list is shorter.
  private static let mostNames = 32
  /// Of the loopback, in every network namespace (LOOPBACK_IFINDEX).
  private static let loopback: UInt32 = 1

  /// None.
  init() {
    asked = []
    mentions = LinkMentions()
  }

  /// - Parameter all: each link is asked, for a person who wants to see them.
  init(for rules: HostRules, all: Bool = false) throws(Fault) {
    mentions = rules.linkMentions
    asked = []
    let names = mentions.names.filter { isOfOthers($0) && isValidLinkName($0) }.sorted()
    let indexes = mentions.indexes.subtracting([Self.loopback]).sorted()
    guard !all, !mentions.isWide, names.count + indexes.count <= Self.mostNames else {
      var socket = try RouteSocket()
      for link in try socket.links() where isOfOthers(link.name) {
        if all || isTold(link) {
          asked.append(link)
        } else if example == nil {
          example = link
        }
      }
      asked += [example].compactMap { $0 }
      return
    }
    if !names.isEmpty || !indexes.isEmpty {
      var socket = try RouteSocket()
      for name in names {
        // By another name of its (IFLA_ALT_IFNAME) the kernel finds it as well, and no rule does.
        if let link = try socket.link(name), link.name == name { asked.append(link) }
      }
      for index in indexes where !asked.contains(where: { UInt32(bitPattern: $0.index) == index }) {
        if let link = try socket.link(at: Int32(bitPattern: index)), isOfOthers(link.name) { asked.append(link) }
      }
    }
    let mentions = mentions
    example = try someLink {
      isOfOthers($0.name) && !mentions.tells($0.name, index: UInt32(bitPattern: $0.index))
    }
    asked += [example].compactMap { $0 }
  }

  private func isTold(_ link: Link) -> Bool { mentions.tells(link.name, index: UInt32(bitPattern: link.index)) }

  /// All that the one stands for, it among them.
  func others() -> [String] {
    guard let example else { return [] }
    guard var socket = try? RouteSocket(), let links = try? socket.links() else { return [example.name] }
    return links.filter { isOfOthers($0.name) && !isTold($0) }.map(\.name)
  }
}

/// A name with a space in it would be words of somebody's choice in our files.
private func isOfOthers(_ name: String) -> Bool {
  name != "lo" && !isLinkOfSkiff(name) && name.utf8.allSatisfy { $0 > 32 }
}
