package import Kernel

/// Which control group hierarchies this process sees mounted, and where.
///
/// A controller lives in exactly one hierarchy: in v2, or in one of the v1 hierarchies (cgroups(7)). "Hybrid" is both at
/// once: v1 controllers, and a v2 hierarchy for what is left over.
package struct CgroupLayout: Hashable, Sendable {
  /// The v2 hierarchy.
  package struct Unified: Hashable, Sendable {
    package var mount: Path
    /// This process's own group, below `mount`; empty for the mount's top.
    package var own: Path
    package var controllers: [String]
    package var isReadOnly: Bool
    /// Where names of groups start, below `mount`; empty for the top.
    package var base: Path = ""
  }

  /// One v1 hierarchy.
  package struct Hierarchy: Hashable, Sendable {
    package var mount: Path
    package var own: Path
    /// Those that are mounted together, such as cpu and cpuacct; empty for a named hierarchy.
    package var controllers: [String]
    /// The `name=` of a hierarchy, such as systemd's.
    package var name: String?
    package var isReadOnly: Bool
    /// Where names of groups start, below `mount`; empty for the top.
    package var base: Path = ""

    /// What selects it in the options of mount(2): `cpu,cpuacct`, `name=systemd`.
    package var options: String { (controllers + (name.map { ["name=" + $0] } ?? [])).joined(separator: ",") }
    /// What its directory below /sys/fs/cgroup is called.
    package var title: String { controllers.isEmpty ? name ?? "" : controllers.joined(separator: ",") }
  }

  package enum Kind: String, Sendable { case none, v1, v2, hybrid }

  package var unified: Unified?
  /// In the order of the mount table, but freezer last: what is made last is taken away first, and nobody leaves a frozen
  /// group before it thaws.
  package var hierarchies: [Hierarchy]
  /// Whether memory and swap are counted together (v1 memsw) or swap by itself (v2); some kernels need `swapaccount=1`.
  package var hasSwapLimit: Bool

  package init(unified: Unified?, hierarchies: [Hierarchy], hasSwapLimit: Bool) {
    self.unified = unified
    self.hierarchies = hierarchies
    self.hasSwapLimit = hasSwapLimit
  }

  package var kind: Kind {
    if hierarchies.isEmpty { return unified == nil ? .none : .v2 }
    return unified == nil ? .v1 : .hybrid
  }

  /// Where a controller is: `blkio` and `io` are one, named by its generation.
  func home(of controller: any Controller.Type) -> Home? {
    if let hierarchy = hierarchies.first(where: { $0.controllers.contains(controller.nameInV1) }) {
      return .v1(hierarchy)
    }
    if let unified, let name = controller.nameInV2, name.isEmpty || unified.controllers.contains(name) {
      return .v2(unified)
    }
    return nil
  }

  enum Home {
    case v1(Hierarchy)
    case v2(Unified)
  }

  /// Whether a limit of this controller can be set at all, by either of its names: `memory`, `pids`, `blkio` or `io`, ….
  package func has(_ controller: String) -> Bool {
    if let known = Controllers.all.first(where: { $0.nameInV1 == controller || $0.nameInV2 == controller }) {
      return home(of: known) != nil
    }
    return hierarchies.contains { $0.controllers.contains(controller) }
      || unified?.controllers.contains(controller) == true
  }
}

extension CgroupLayout: CustomStringConvertible {
  /// `v1: cpu, memory, …; v2: hugetlb`
  package var description: String {
    let v1 = hierarchies.isEmpty ? [] : ["v1: " + hierarchies.map(\.title).joined(separator: ", ")]
    let v2 = unified.map { ["v2: " + $0.controllers.joined(separator: ", ")] } ?? []
    return (v1 + v2).joined(separator: "; ")
  }
}

// MARK: - Detection

extension CgroupLayout {
  /// The layout as this process sees it now.
  package static func detect() throws(Fault) -> CgroupLayout {
    CgroupLayout(
      mountInformation: try readFile("/proc/self/mountinfo"), membership: try readFile("/proc/self/cgroup")
    ) { try? readFile($0, limit: 1 << 20) }
  }

  /// - Parameters:
  ///   - mountInformation: the bytes of /proc/self/mountinfo.
  ///   - membership: the bytes of /proc/self/cgroup.
  ///   - read: a file of cgroupfs, nil when there is none by that name.
  package init(mountInformation: [UInt8], membership: [UInt8], read: (Path) -> [UInt8]?) {
    let memberships = Membership.parse(membership)
    let known = Set(memberships.flatMap(\.controllers))
    var unified: Unified?
    var hierarchies: [Hierarchy] = []
    for line in mountInformation.split(separator: UInt8(ascii: "\n")) {
      guard let mount = CgroupMountLine(line) else { continue }
      if mount.isV2 {
        // A second mount of the same hierarchy, such as one that a chroot has, is left aside.
        guard unified == nil else { continue }
        let own = memberships.first { $0.identifier == 0 }?.path ?? "/"
        let controllers = read(mount.target.appending("cgroup.controllers")).map(words) ?? []
        unified = Unified(
          mount: mount.target, own: relative(own, to: mount.root), controllers: controllers,
          isReadOnly: mount.isReadOnly)
        continue
      }
      let controllers = mount.options.filter(known.contains)
      let name = mount.options.first { $0.hasPrefix("name=") }.map { String($0.dropFirst(5)) }
      guard !controllers.isEmpty || name != nil else { continue }
      guard !hierarchies.contains(where: { $0.controllers == controllers && $0.name == name }) else { continue }
      let own = memberships.first { member in
        name.map { member.name == $0 } ?? !member.controllers.isDisjoint(with: controllers)
      }
      hierarchies.append(
        Hierarchy(
          mount: mount.target, own: relative(own?.path ?? "/", to: mount.root), controllers: controllers, name: name,
          isReadOnly: mount.isReadOnly))
    }
    if let freezer = hierarchies.firstIndex(where: { $0.controllers.contains("freezer") }) {
      hierarchies.append(hierarchies.remove(at: freezer))
    }
    self.init(unified: unified, hierarchies: hierarchies, hasSwapLimit: true)
    hasSwapLimit = findsSwapLimit(read)
  }

  /// v1 shows memsw in every group. v2 shows memory.swap.max in every group but the top one.
  private func findsSwapLimit(_ read: (Path) -> [UInt8]?) -> Bool {
    switch home(of: MemoryController.self) {
    case nil: return false
    case .v1(let hierarchy):
      return read(hierarchy.mount.appending("memory.memsw.limit_in_bytes")) != nil
    case .v2(let unified):
      // The groups of systemd and of Skiff, where this process is at the top itself.
      let candidates = [unified.own, "init.scope", "system.slice", "skiff"].filter { !$0.isEmpty }
      for candidate in candidates {
        let group = unified.mount.appending(candidate)
        if read(group.appending("memory.max")) != nil { return read(group.appending("memory.swap.max")) != nil }
      }
      // No group shows it yet. Since Linux 5.8 the file is there unless the kernel was started with swapaccount=0.
      let arguments = read("/proc/cmdline").map(words) ?? []
      return !arguments.contains("swapaccount=0")
    }
  }
}

/// One line of /proc/self/cgroup: `4:cpu,cpuacct:/user`, `1:name=systemd:/`, `0::/`.
struct Membership {
  var identifier: Int
  var controllers: Set<String>
  var name: String?
  var path: Path

  static func parse(_ bytes: [UInt8]) -> [Membership] {
    bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3, let identifier = Int(text(fields[0])), let path = Path(bytes: fields[2]) else {
        return nil
      }
      let titles = text(fields[1]).split(separator: ",").map(String.init)
      return Membership(
        identifier: identifier, controllers: Set(titles.filter { !$0.hasPrefix("name=") }),
        name: titles.first { $0.hasPrefix("name=") }.map { String($0.dropFirst(5)) }, path: path)
    }
  }
}

extension CgroupLayout {
  /// The group of v2 that a process is in now; nil where there is no v2.
  package func unifiedGroup(of process: ProcessIdentifier) throws(Fault) -> Path? {
    let memberships = Membership.parse(try readFile("/proc/\(process)/cgroup"))
    guard let unified, let own = memberships.first(where: { $0.identifier == 0 }),
      !own.path.components.contains("..")
    else { return nil }
    return unified.mount.appending(own.path)
  }
}

/// What a line of mountinfo (proc_pid_mountinfo(5)) says of a cgroup mount.
struct CgroupMountLine {
  var isV2: Bool
  /// The group of the hierarchy that the mount shows at its top.
  var root: Path
  var target: Path
  var isReadOnly: Bool
  /// Of the file system itself; v1's controllers are among them.
  var options: [String]

  /// Nil for a mount of any other kind, and for a line that is cut short.
  init?(_ line: ArraySlice<UInt8>) {
    // Most lines are of other kinds: they are not taken apart to find that out.
    guard Self.mayBeCgroup(line) else { return nil }
    let fields = line.split(separator: UInt8(ascii: " "))
    // Optional fields such as `shared:9` end at a lone dash; type, source and options follow.
    guard fields.count > 6, let dash = fields.dropFirst(6).firstIndex(where: { $0.elementsEqual([45]) }),
      dash + 3 < fields.count
    else { return nil }
    let type = text(fields[dash + 1])
    guard type == "cgroup" || type == "cgroup2" else { return nil }
    guard let root = Path(bytes: unescaped(fields[3])), let target = Path(bytes: unescaped(fields[4])) else {
      return nil
    }
    isV2 = type == "cgroup2"
    self.root = root
    self.target = target
    options = text(fields[dash + 3]).split(separator: ",").map(String.init)
    isReadOnly = text(fields[5]).split(separator: ",").contains("ro") || options.contains("ro")
  }

  private static let mark = Array(" - cgroup".utf8)

  private static func mayBeCgroup(_ line: ArraySlice<UInt8>) -> Bool {
    guard line.count > mark.count else { return false }
    for start in line.startIndex...(line.endIndex - mark.count) where line[start] == mark[0] {
      if mark.indices.allSatisfy({ line[start + $0] == mark[$0] }) { return true }
    }
    return false
  }
}

/// `path` as seen from `root`, without slashes around it; empty when it is the root itself or lies outside.
private func relative(_ path: Path, to root: Path) -> Path {
  let parts = path.components
  let above = root.components
  guard parts.starts(with: above), !parts.contains("..") else { return "" }
  return Path(parts.dropFirst(above.count).map(\.string).joined(separator: "/"))
}

/// mountinfo writes blanks, tabs, newlines and backslashes as three octal digits.
private func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
  var bytes: [UInt8] = []
  var index = field.startIndex
  while index < field.endIndex {
    let digits = field[index...].dropFirst().prefix(3)
    if field[index] == UInt8(ascii: "\\"), digits.count == 3, let code = UInt8(text(digits), radix: 8) {
      bytes.append(code)
      index += 4
    } else {
      bytes.append(field[index])
      index += 1
    }
  }
  return bytes
}

func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

func words(_ bytes: [UInt8]) -> [String] {
  bytes.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.map(text)
}
