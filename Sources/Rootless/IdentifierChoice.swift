internal import Kernel
internal import Launching
internal import Steps

/// The maps of the user's namespace: root is the user himself, and what was handed to him in ranges follows from 1 on.
struct IdentifierChoice: Hashable, Sendable {
  var users: [IdentifierMap]
  var groups: [IdentifierMap]
  var writer: MapWriter

  /// One id alone: all that a user may map without anybody's help.
  init(only caller: Caller) {
    users = [IdentifierMap(container: 0, host: caller.user, count: 1)]
    groups = [IdentifierMap(container: 0, host: caller.group, count: 1)]
    writer = .owner
  }

  init(for caller: Caller) {
    self.init(only: caller)
    let name = userName(of: caller.user)
    func ranges(_ file: Path) -> [SubordinateRange] {
      guard let text = try? readText(file, limit: 4 << 20) else { return [] }
      return subordinateRanges(in: text, of: caller.user, named: name)
    }
    let (users, groups) = (ranges("/etc/subuid"), ranges("/etc/subgid"))
    guard !users.isEmpty, !groups.isEmpty, MapHelpers.areThere else { return }
    self.users = Self.maps(caller.user, users)
    self.groups = Self.maps(caller.group, groups)
    writer = .helpers
  }

  /// The kernel takes 340 lines (user_namespaces(7)).
  static func maps(_ own: UInt32, _ ranges: [SubordinateRange]) -> [IdentifierMap] {
    var maps = [IdentifierMap(container: 0, host: own, count: 1)]
    var next: UInt32 = 1
    for range in ranges.prefix(339) {
      // An id stands for one alone, in either direction.
      guard own < range.first || own - range.first >= range.count,
        !next.addingReportingOverflow(range.count).overflow
      else { continue }
      maps.append(IdentifierMap(container: next, host: range.first, count: range.count))
      next += range.count
    }
    return maps
  }

  /// As /proc/PID/uid_map has them, for who looks from the host.
  func isThat(of space: IdentifierSpace) -> Bool {
    func same(_ maps: [IdentifierMap], _ ranges: [IdentifierSpace.Range]) -> Bool {
      maps.map { IdentifierSpace.Range(inside: $0.container, outside: $0.host, count: $0.count) } == ranges
    }
    return same(users, space.users) && same(groups, space.groups)
  }
}
