internal import Firewall
internal import Kernel
internal import Steps

/// What we last put into the kernel, and how the kernel described it then. Kept in a file of /run: where it still holds, a
/// container's start needs no look at the rules. It does not grow with the number of published ports, whose claims are files of
/// their own: of them it has a sum.
struct FirewallState: Hashable, Sendable {
  /// The inode of the network namespace that the rules are in.
  var namespace: UInt64
  /// The number of the rule set, of all tables.
  var generation: UInt32
  /// What the kernel said of our table.
  var mark: TableMark
  var frame: Ruleset.Frame
  /// Others' chains that drop what is forwarded, and whether somebody is still to be told.
  var obstacles: [HostObstacle] = []
  var isUntold = false

  var text: String {
    var lines = [
      "skiff-firewall 3", "namespace \(namespace)", "generation \(generation)", "frame \(mark.frame)",
      "elements \(mark.elements)",
    ]
    lines += obstacles.map { "obstacle \($0.text)" }
    if isUntold { lines.append("untold") }
    if frame.publishes { lines.append("publishes") }
    if frame.publishes6 { lines.append("publishes6") }
    if frame.isGated { lines.append("gated") }
    lines += frame.uplinks.map { "uplink \($0)" }
    lines += frame.uplinks6.map { "uplink6 \($0)" }
    lines += frame.members.map(\.line)
    return lines.joined(separator: "\n") + "\n"
  }

  /// Nil for anything but what `text` writes: then all is built anew.
  init?(_ text: String) {
    let lines = text.split(separator: "\n")
    func value<Value: FixedWidthInteger>(_ index: Int, _ key: String) -> Value? {
      guard index < lines.count, lines[index].hasPrefix(key + " ") else { return nil }
      return Value(lines[index].dropFirst(key.utf8.count + 1))
    }
    guard lines.first == "skiff-firewall 3", let namespace: UInt64 = value(1, "namespace"),
      let generation: UInt32 = value(2, "generation"), let mark: UInt64 = value(3, "frame"),
      let elements: UInt64 = value(4, "elements")
    else { return nil }
    var frame = Ruleset.Frame(members: [])
    var obstacles: [HostObstacle] = []
    var isUntold = false
    for line in lines.dropFirst(5) {
      let words = line.split(separator: " ")
      switch words.first {
      case "untold" where words.count == 1: isUntold = true
      case "obstacle":
        guard let obstacle = HostObstacle(words.dropFirst()) else { return nil }
        obstacles.append(obstacle)
      case "publishes" where words.count == 1: frame.publishes = true
      case "publishes6" where words.count == 1: frame.publishes6 = true
      case "gated" where words.count == 1: frame.isGated = true
      case "uplink" where words.count == 2: frame.uplinks.append(String(words[1]))
      case "uplink6" where words.count == 2: frame.uplinks6.append(String(words[1]))
      case "network":
        guard let member = Ruleset.Member(words: words.dropFirst().map(String.init)) else { return nil }
        frame.members.append(member)
      default: return nil
      }
    }
    self.init(
      namespace: namespace, generation: generation, mark: TableMark(frame: mark, elements: elements), frame: frame)
    self.obstacles = obstacles
    self.isUntold = isUntold
  }

  init(namespace: UInt64, generation: UInt32, mark: TableMark, frame: Ruleset.Frame) {
    self.namespace = namespace
    self.generation = generation
    self.mark = mark
    self.frame = frame
  }

  /// Before a table is replaced: what it is meant to be, with a description that no table has.
  static func intended(_ frame: Ruleset.Frame, in namespace: UInt64) -> FirewallState {
    FirewallState(
      namespace: namespace, generation: .max, mark: TableMark(frame: 0, elements: 0), frame: frame)
  }
}

extension Ruleset.Member {
  /// As the state has it: `network BRIDGE SUBNET`, then what it has besides.
  fileprivate var line: String {
    var words = ["network", bridge, subnet.description]
    if let subnet6 { words.append(subnet6.description) }
    if isInternal { words.append("internal") }
    if !allowsTraffic { words.append("apart") }
    if !masquerades { words.append("plain") }
    return words.joined(separator: " ")
  }

  fileprivate init?(words: [String]) {
    guard words.count >= 2, let subnet = IPv4Prefix(words[1]) else { return nil }
    self.init(bridge: words[0], subnet: subnet, isInternal: false)
    for word in words.dropFirst(2) {
      switch word {
      case "internal": isInternal = true
      case "apart": allowsTraffic = false
      case "plain": masquerades = false
      default:
        guard let prefix = IPv6Prefix(word) else { return nil }
        subnet6 = prefix
      }
    }
  }
}
