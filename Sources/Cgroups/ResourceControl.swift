package import Kernel

/// resctrl, the file system of cache and memory bandwidth allocation (the kernel's filesystems/resctrl.rst). A group is a
/// directory, as with control groups, with a `tasks` file and its shares in `schemata`.
package struct ResourceControl: Hashable, Sendable {
  /// Where it is mounted.
  package var mount: Path
  /// The lines of `schemata` of the container's group, nil where the group does not exist.
  package var schemata: [String]?

  package init(mount: Path, schemata: [String]? = nil) {
    self.mount = mount
    self.schemata = schemata
  }

  /// Nil where the host has none mounted.
  ///
  /// - Parameter group: its name below the mount; `/` is the mount itself.
  package static func detect(group: String) throws(Fault) -> ResourceControl? {
    guard let mount = try MountInformation.own().first(where: { $0.hasType("resctrl") })?.point else { return nil }
    let file = ResourceControl(mount: mount).directory(of: group).appending("schemata")
    guard exists(file) else { return ResourceControl(mount: mount) }
    return ResourceControl(mount: mount, schemata: lines(of: try readText(file)))
  }

  /// The directory of a group.
  package func directory(of group: String) -> Path { group == "/" ? mount : mount.appending(Path(group)) }

  /// Without the white space that aligns them, so that what was written can be found again.
  package static func lines(of schemata: String) -> [String] {
    schemata.split(separator: "\n").map { line in String(line.filter { $0 != " " && $0 != "\t" }) }
  }

  /// Whether the group's shares are those that are asked for; a domain that is not named may have any.
  package static func schemata(_ present: [String], satisfy wanted: [String]) -> Bool {
    func shares(_ line: String) -> (kind: Substring, domains: [Substring])? {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (line[..<colon], line[line.index(after: colon)...].split(separator: ";"))
    }
    let there = present.compactMap(shares)
    return wanted.allSatisfy { line in
      guard let share = shares(line), let match = there.first(where: { $0.kind == share.kind }) else { return false }
      return share.domains.allSatisfy { domain in match.domains.contains { isSame($0, domain) } }
    }
  }

  /// `0=00ff` is `0=ff`.
  private static func isSame(_ a: Substring, _ b: Substring) -> Bool {
    func trimmed(_ share: Substring) -> [Substring] {
      share.split(separator: "=").map { part in
        let digits = part.drop { $0 == "0" }
        return digits.isEmpty ? "0" : digits
      }
    }
    return trimmed(a).map { $0.lowercased() } == trimmed(b).map { $0.lowercased() }
  }
}
