package import Cgroups
internal import Containers
package import Kernel
internal import Systemd

/// What control groups an ordinary user has.
package enum GroupDelegation: Sendable {
  /// The user's own systemd makes scopes below this group of its own.
  case manager(Path, CgroupLayout)
  /// This process is in such a scope already, whose container it starts again.
  case scope(HandedGroup, CgroupLayout)
  /// This process is in a group that is the user's.
  case group(HandedGroup, CgroupLayout)
  /// Why there are none, and the line that mends it.
  case none(reason: String, cure: String)

  /// - Parameter container: whose scope this process is in already where it starts it again.
  init(_ layout: CgroupLayout, of container: ContainerIdentifier? = nil, user: UInt32, name: String) {
    guard layout.kind == .v2 else {
      self = .none(
        reason: layout.kind == .none
          ? "none are mounted"
          : "this host has cgroup v1, which cannot be handed over safely",
        cure: "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line")
      return
    }
    if let container, let scope = layout.enclosingGroup({ $0 == Self.scope(of: container) }) {
      self = .scope(scope, layout.handedDown(to: scope.base))
      return
    }
    let runsSystemd = SystemdManager.obstacle == nil
    if runsSystemd, let manager = Self.managersGroup() {
      self = .manager(manager, layout.handedDown(to: manager))
      return
    }
    if let group = layout.handedGroup() {
      self = .group(group, layout.handedDown(to: group.base))
      return
    }
    self = .none(
      reason: runsSystemd
        ? "no systemd of this user's answers" : "no control group was handed to this user",
      cure: Self.cure(runsSystemd: runsSystemd, user: user, name: name, layout.unified?.mount ?? "/sys/fs/cgroup"))
  }

  static func scope(of container: ContainerIdentifier) -> String { "skiff-\(container).scope" }

  private static func managersGroup() -> Path? {
    guard var manager = try? SystemdManager(isUser: true), let group = try? manager.controlGroup(), !group.isEmpty
    else { return nil }
    return Path(group.split(separator: "/").joined(separator: "/"))
  }

  private static func cure(runsSystemd: Bool, user: UInt32, name: String, _ mount: Path) -> String {
    guard runsSystemd else {
      let group = mount.appending("user-\(name)")
      return "sudo sh -c 'cd \(mount); echo +cpu +memory +pids >cgroup.subtree_control; mkdir -p \(group)/shell && "
        + "cd \(group) && chown \(name) . cgroup.procs cgroup.subtree_control && echo '$$' >shell/cgroup.procs'"
    }
    let directory = Path("/run/user/\(user)")
    if exists(directory.appending("systemd")) && !exists(directory.appending("bus")) {
      return "sudo apt-get install dbus-user-session  # then log in again"
    }
    return "sudo loginctl enable-linger \(name)"
  }

  /// By which root hands on more controllers.
  package var cureForControllers: String {
    guard case .group(let group, let layout) = self, !exists("/run/systemd/system") else {
      return "sudo mkdir -p /etc/systemd/system/user@.service.d && "
        + "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | "
        + "sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload  # then log in again"
    }
    let above = group.leaf.parent == layout.unified?.mount ? group.leaf.parent : group.leaf.parent.parent
    return "sudo sh -c 'echo +cpu +cpuset +io +memory +pids >\(above)/cgroup.subtree_control'"
  }

  /// What reaches the user's groups; nil without any.
  package var layout: CgroupLayout? {
    switch self {
    case .manager(_, let layout), .scope(_, let layout), .group(_, let layout): layout
    case .none: nil
    }
  }
}
