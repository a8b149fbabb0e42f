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
    /// `controllers` are those that were handed down to an ordinary user; the host has more.
    package var isHandedDown = false
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
  /// group before it thaws. And memory first: making its group takes longest, under a lock that every mount of a tmpfs takes
  /// as well (shrinker_alloc of the kernel), so it is best done before the container mounts its own.
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
    let known = memberships.flatMap(\.controllers)
    var unified: Unified?
    var hierarchies: [Hierarchy] = []
    // A place without its slash, as no kernel writes it, would be one below the working directory.
    for mount in MountInformation.parse(mountInformation) where mount.point.isAbsolute {
      if mount.hasType("cgroup2") {
        // A second mount of the same hierarchy, such as one that a chroot has, is left aside.
        guard unified == nil else { continue }
        let own = memberships.first { $0.identifier == 0 }?.path ?? "/"
        let controllers = read(mount.point.appending("cgroup.controllers")).map(words) ?? []
        unified = Unified(
          mount: mount.point, own: relative(own, to: mount.root), controllers: controllers, isReadOnly: mount.isReadOnly
        )
      } else if mount.hasType("cgroup") {
        let options = mount.superOptions
        let controllers = options.filter(known.contains)
        let name = options.first { $0.hasPrefix("name=") }.map { String($0.dropFirst(5)) }
        guard !controllers.isEmpty || name != nil else { continue }
        guard !hierarchies.contains(where: { $0.controllers == controllers && $0.name == name }) else { continue }
        let own = memberships.first { member in
          name.map { member.name == $0 } ?? member.controllers.contains(where: controllers.contains)
        }
        hierarchies.append(
          Hierarchy(
            mount: mount.point, own: relative(own?.path ?? "/", to: mount.root), controllers: controllers, name: name,
            isReadOnly: mount.isReadOnly))
      }
    }
    if let memory = hierarchies.firstIndex(where: { $0.controllers.contains("memory") }) {
      hierarchies.insert(hierarchies.remove(at: memory), at: 0)
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
  var identifier: UInt64
  var controllers: [String] = []
  var name: String?
  var path: Path

  static func parse(_ bytes: [UInt8]) -> [Membership] {
    var lines = ByteFields(bytes)
    var memberships: [Membership] = []
    while let line = lines.next("\n") {
      if let membership = Membership(line) { memberships.append(membership) }
    }
    return memberships
  }

  private init?(_ line: ArraySlice<UInt8>) {
    var fields = ByteFields(line)
    // The path is the rest of the line, colons in it included.
    guard let identifier = fields.next(":")?.decimal, let titles = fields.next(":"), let path = Path(bytes: fields.rest)
    else { return nil }
    self.identifier = identifier
    self.path = path
    var words = ByteFields(titles)
    while let word = words.next(",") {
      let title = text(word)
      if title.hasPrefix("name=") { name = name ?? String(title.dropFirst(5)) } else { controllers.append(title) }
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

extension MountInformation {
  fileprivate var isReadOnly: Bool { options.contains("ro") || superOptions.contains("ro") }
}

/// `path` as seen from `root`, without slashes around it; empty when it is the root itself or lies outside.
private func relative(_ path: Path, to root: Path) -> Path {
  let parts = path.components
  let above = root.components
  guard parts.starts(with: above), !parts.contains("..") else { return "" }
  return Path(parts.dropFirst(above.count).map(\.string).joined(separator: "/"))
}

func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

func words(_ bytes: [UInt8]) -> [String] {
  var fields = ByteFields(bytes)
  var words: [String] = []
  while let word = fields.nextWord() { words.append(text(word)) }
  return words
}
