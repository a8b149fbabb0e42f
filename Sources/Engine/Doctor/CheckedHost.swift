package import Cgroups
package import Containers
package import Kernel
internal import Rootless

/// What the checks ask of a host. This one answers by looking; a test answers as it likes.
package struct CheckedHost: Sendable {
  /// A small file's text; nil when it cannot be read.
  package var text: @Sendable (Path) -> String?
  package var exists: @Sendable (Path) -> Bool
  /// Whether the kernel has the file system, after it was asked to load it.
  package var hasFileSystem: @Sendable (String) -> Bool
  /// Whether a netlink socket to the firewall can be had.
  package var hasFirewall: @Sendable () -> Bool
  package var groups: @Sendable () -> CgroupLayout?
  /// What control groups an ordinary user has.
  package var delegation: @Sendable () -> GroupDelegation
  /// Of the file system that the store is on, or will be.
  package var space: @Sendable () -> FileSystemStatus?
  /// Whether a container's layer can be limited there.
  package var quotas: @Sendable () -> QuotaSupport
  package var time: @Sendable () -> Timestamp
  package var user: UInt32
  package var userName: String
  package var store: Path
  /// Where the program that speaks with registries lies.
  package var registryHelper: Path?

  package init(of state: StateDirectories, registryHelper: Path?) {
    let store = state.root
    text = { try? readText($0, limit: 4 << 20) }
    exists = { Kernel.exists($0) }
    hasFileSystem = { (try? openFileSystem(Path($0))) != nil || Self.lists($0) }
    hasFirewall = { (try? makeSocket(.netlink, .raw, protocol: 12)) != nil }
    groups = { try? CgroupLayout.detect() }
    // What is not there yet will be on its parent's.
    let place = { @Sendable in
      var place = store
      while !Kernel.exists(place), !place.parent.isEmpty, place != place.parent { place = place.parent }
      return place
    }
    space = {
      guard let directory = try? open(place(), [.path, .directory]) else { return nil }
      return try? fileSystemStatus(of: directory.borrowed)
    }
    quotas = { Caller.current.isOrdinary ? .ordinary : QuotaSupport(below: place()) }
    time = { now() }
    // Who called: in the user's namespace everybody is root.
    let user = Caller.current.user
    let name = Rootless.userName(of: user) ?? "\(user)"
    (self.user, self.userName) = (user, name)
    delegation = {
      guard let layout = try? CgroupLayout.detect() else {
        return .none(reason: "none are mounted", cure: "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
      }
      return GroupDelegation(layout, user: user, name: name)
    }
    self.store = store
    self.registryHelper = registryHelper
  }

  /// fsopen(2) is for root alone; the list has what is loaded.
  private static func lists(_ name: String) -> Bool {
    ((try? readText("/proc/filesystems")) ?? "").split(separator: "\n").contains { $0.hasSuffix("\t" + name) }
  }

  var isRoot: Bool { user == 0 }

  /// The number that is all of a file.
  func number(_ path: Path) -> Int? {
    text(path).flatMap { Int($0.split(separator: "\n").first ?? "") }
  }
}
