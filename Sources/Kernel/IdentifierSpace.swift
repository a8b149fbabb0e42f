/// The ids that there are for this process: all of the host's, or those that its user namespace maps (user_namespaces(7)).
package struct IdentifierSpace: Hashable, Sendable {
  /// A line of uid_map or gid_map, as it reads from inside.
  package struct Range: Hashable, Sendable {
    package var inside: UInt32
    package var outside: UInt32
    package var count: UInt32

    package init(inside: UInt32, outside: UInt32, count: UInt32) {
      self.inside = inside
      self.outside = outside
      self.count = count
    }
  }

  package var users: [Range]
  package var groups: [Range]

  package init(users: [Range], groups: [Range]) {
    self.users = users
    self.groups = groups
  }

  /// Of a process, `self` being the caller.
  package init(of process: String = "self") throws(Fault) {
    users = try Self.ranges(in: readText(Path("/proc/\(process)/uid_map")))
    groups = try Self.ranges(in: readText(Path("/proc/\(process)/gid_map")))
  }

  private static func ranges(in text: String) -> [Range] {
    text.split(separator: "\n").compactMap { line in
      let numbers = line.split(separator: " ").compactMap { UInt32($0) }
      return numbers.count == 3 ? Range(inside: numbers[0], outside: numbers[1], count: numbers[2]) : nil
    }
  }

  /// Nothing is mapped: the first user namespace.
  package var isWhole: Bool {
    let whole = [Range(inside: 0, outside: 0, count: .max)]
    return users == whole && groups == whole
  }

  /// One user or one group alone: whatever belongs to another cannot be made here.
  package var isSingle: Bool { Self.count(users) == 1 || Self.count(groups) == 1 }

  /// What a user of this namespace is to the one outside; nil for nobody.
  package func userOutside(of user: UInt32) -> UInt32? {
    users.first { user >= $0.inside && user - $0.inside < $0.count }.map { $0.outside + (user - $0.inside) }
  }

  package func has(user: UInt32) -> Bool { users.contains { user >= $0.inside && user - $0.inside < $0.count } }
  package func has(group: UInt32) -> Bool { groups.contains { group >= $0.inside && group - $0.inside < $0.count } }

  private static func count(_ ranges: [Range]) -> UInt64 { ranges.reduce(0) { $0 + UInt64($1.count) } }
}

/// This process's user as the host has it: in a user namespace everybody's own is root.
package func userOfHost() -> UInt32 {
  (try? IdentifierSpace())?.userOutside(of: effectiveUser()) ?? effectiveUser()
}

/// Whether this process is root, and of the host: root of a user namespace makes no device nodes, writes no `trusted.`
/// attributes and limits nothing, whatever capabilities it has there.
package func isRootOfHost() -> Bool {
  effectiveUser() == 0 && isInFirstNamespace
}

/// Read once by whoever is root: an ordinary user enters a namespace before, and root enters none. A host without /proc has no
/// user namespaces that anybody could have entered.
private let isInFirstNamespace = (try? IdentifierSpace())?.isWhole ?? true
