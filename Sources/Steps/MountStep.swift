package import Kernel

/// A change in the container's own mount namespace. Targets are paths inside the new root and are opened by `Rooted`;
/// sources of bind mounts are paths of the host, opened before the root is left.
package enum MountStep: Hashable, Sendable {
  /// In the parent, for a container with a user namespace: opens with the host's rights what these steps take from the
  /// host, as detached mounts. The child gets and attaches them. With an owner, files of the root belong in the container
  /// to the ids that they have on the disk; without, the root is taken as it lies.
  case openSources([MountStep], owner: HostIdentity?)
  /// All mounts of the new namespace stop sending to (and, when private, receiving from) the host's.
  case setPropagation(Propagation)
  /// The layers of an image, topmost first, with a private upper directory: the new root.
  case mountOverlay(OverlayMount)
  /// A directory of the host as the new root, as it lies: bound onto itself, with what is mounted below it.
  case bindRoot(Path)
  /// A new file system: proc, sysfs, tmpfs, devpts, mqueue, cgroup2, …
  case mount(FileSystemMount)
  /// A file or directory of the host.
  case bind(BindMount)
  /// Other options for what is mounted there already.
  case remount(Remount)
  /// The v1 controllers, each a mount of the container's own part below one tmpfs, and links such as cpu → cpu,cpuacct.
  case mountCgroups(CgroupMount)
  case makeDevice(DeviceNode)
  /// A link in the new root, such as /dev/fd → /proc/self/fd.
  case makeSymbolicLink(Path, target: Path)
  /// A file in the new root that only this container sees, such as /etc/resolv.conf, is bound from a file of the host by `bind`;
  /// this makes a directory (WORKDIR, mount points).
  case makeDirectory(Path, mode: FileMode)
  /// The terminal's own end on /dev/console, by descriptor (CVE-2025-52565).
  case bindConsole
  /// Hides a file behind a null device, a directory behind an empty read-only tmpfs, which has the SELinux label. A path that
  /// is missing is fine.
  case mask(Path, label: String? = nil)
  /// Binds the path onto itself, read-only.
  case makeReadOnly(Path)
  /// The root mount itself, read-only; what is mounted below stays as it is.
  case makeRootReadOnly
  /// The new root becomes `/`, the old one is detached.
  case pivotRoot
  /// The same for a host whose own root cannot be pivoted away, the initial ramfs: the new root, which lies at the path, is
  /// moved over it. What the host has of proc and sysfs is taken out of sight first, for chroot hides it from paths only.
  case moveRoot(Path)
  /// Propagation of the new root after the pivot (`rootfsPropagation`); mounts below it have been given their own.
  case setRootPropagation(Propagation)
  /// `debug`, in a mount namespace of the command's own: an empty tmpfs over this directory of the host, for the toolbox.
  case mountScratch(Path)
  /// `debug`: the toolbox that the command staged becomes `/`, read-only. The root until now goes on at the path below it.
  case enterToolbox(container: Path)
  /// `debug`: what the container has at the path is seen at the same path of the toolbox. A directory comes with all that is
  /// mounted there and must be a real one; a file comes read-only. What the container has not, stays the toolbox's own.
  case share(Path, isDirectory: Bool, of: Path)
}

/// Who the root of a user namespace is on the host.
package struct HostIdentity: Hashable, Sendable {
  package var user: UInt32
  package var group: UInt32
  package init(user: UInt32, group: UInt32) {
    self.user = user
    self.group = group
  }
}

extension MountStep {
  /// Takes something from the host that the root of a user namespace may not open.
  package var needsHost: Bool {
    switch self {
    case .mountOverlay, .bindRoot, .bind: true
    case .makeDevice(let node): node.isBound
    default: false
    }
  }
}

/// An overlay file system (the kernel's Documentation/filesystems/overlayfs.rst).
package struct OverlayMount: Hashable, Sendable {
  /// OVL_MAX_STACK of the kernel. One more is EINVAL, which could mean anything.
  package static let maximumDepth = 500

  /// The directory of the host that the overlay is attached to, in the container's mount namespace only: the host sees it
  /// empty, and pivot_root(2) needs a mount point to start from.
  package var target: Path
  /// Read-only layers, topmost first.
  package var lower: [Path]
  /// Where changes go; nil mounts read-only.
  package var upper: Path?
  /// Scratch space on the file system of `upper`.
  package var work: Path?
  /// `volatile`: no sync of the upper layer, for containers that are thrown away.
  package var isVolatile: Bool
  /// `userxattr`: needed inside a user namespace.
  package var usesUserAttributes: Bool

  package init(
    target: Path, lower: [Path], upper: Path?, work: Path?, isVolatile: Bool = false, usesUserAttributes: Bool = false
  ) {
    self.target = target
    self.lower = lower
    self.upper = upper
    self.work = work
    self.isVolatile = isVolatile
    self.usesUserAttributes = usesUserAttributes
  }
}

/// A new file system on a directory of the new root.
package struct FileSystemMount: Hashable, Sendable {
  package var type: Path
  package var source: Path
  /// Inside the new root; made when missing.
  package var target: Path
  package var attributes: MountAttributes
  /// `key` or `key=value`, for fsconfig or as the data string of mount(2).
  package var options: [Path]
  package var propagation: Propagation?
  /// What is bound there instead where the kernel does not let a user namespace make such a file system.
  package var fallback: Path?
  /// tmpcopyup: what the root has below the target is copied into the new file system.
  package var copiesUp: Bool

  package init(
    type: Path, source: Path, target: Path, attributes: MountAttributes = [], options: [Path] = [],
    propagation: Propagation? = nil, copiesUp: Bool = false, fallback: Path? = nil
  ) {
    self.fallback = fallback
    self.type = type
    self.source = source
    self.target = target
    self.attributes = attributes
    self.options = options
    self.propagation = propagation
    self.copiesUp = copiesUp
  }
}

/// A file or directory of the host, seen at a path of the new root.
package struct BindMount: Hashable, Sendable {
  /// On the host.
  package var source: Path
  /// Inside the new root; a file or directory like the source is made when missing.
  package var target: Path
  package var isRecursive: Bool
  package var set: MountAttributes
  package var clear: MountAttributes
  /// Attributes that go to every mount below too (rro, rnosuid, …).
  package var setRecursively: MountAttributes
  package var clearRecursively: MountAttributes
  package var propagation: Propagation?
  package var propagatesRecursively: Bool
  /// With `identityMapped`: how the owners of its files are shown; nil shifts them as the container's user namespace does.
  package var owners: FileOwners?
  /// A directory or file below the source, resolved as if the source were `/`: who fills the source may change it at any
  /// time, and must not lead out of it by a link.
  package var subpath: Path?
  /// The layers of an image, topmost first, which are seen read-only instead of the source.
  package var layers: [Path] = []

  package init(
    source: Path, target: Path, isRecursive: Bool = true, set: MountAttributes = [], clear: MountAttributes = [],
    setRecursively: MountAttributes = [], clearRecursively: MountAttributes = [], propagation: Propagation? = nil,
    propagatesRecursively: Bool = false, owners: FileOwners? = nil
  ) {
    self.owners = owners
    self.source = source
    self.target = target
    self.isRecursive = isRecursive
    self.set = set
    self.clear = clear
    self.setRecursively = setRecursively
    self.clearRecursively = clearRecursively
    self.propagation = propagation
    self.propagatesRecursively = propagatesRecursively
  }
}

/// The ids on the disk, by those that are shown (the kernel's idmappings.rst): `container` is what lies there.
package struct FileOwners: Hashable, Sendable {
  package var users: [IdentifierMap]
  package var groups: [IdentifierMap]
  package init(users: [IdentifierMap], groups: [IdentifierMap]) {
    self.users = users
    self.groups = groups
  }
}

/// `remount` of mount(8).
package struct Remount: Hashable, Sendable {
  package var target: Path
  /// Of this mount only (MS_REMOUNT with MS_BIND); else the file system gets its options anew.
  package var isBind: Bool
  package var set: MountAttributes
  package var clear: MountAttributes
  package var setRecursively: MountAttributes
  package var clearRecursively: MountAttributes
  /// For the file system.
  package var options: [Path]
  package init(
    target: Path, isBind: Bool = true, set: MountAttributes = [], clear: MountAttributes = [],
    setRecursively: MountAttributes = [], clearRecursively: MountAttributes = [], options: [Path] = []
  ) {
    self.target = target
    self.isBind = isBind
    self.set = set
    self.clear = clear
    self.setRecursively = setRecursively
    self.clearRecursively = clearRecursively
    self.options = options
  }
}

/// `/sys/fs/cgroup` of a container on a host with v1 hierarchies.
package struct CgroupMount: Hashable, Sendable {
  /// One mounted hierarchy: its directory name below `/sys/fs/cgroup` and the options that select it.
  package struct Hierarchy: Hashable, Sendable {
    /// `memory`, `cpu,cpuacct`, `systemd`, `unified`.
    package var name: Path
    package var isV2: Bool
    /// The data of mount(2): `memory`, `cpu,cpuacct`, `name=systemd`; empty on v2.
    package var options: Path
    /// The container's group on the host, bound here: that costs the same however many groups there are, while a new mount of a
    /// v1 hierarchy looks at all of them (cgroup_lock_and_drain_offline). Both show one file system of the kernel's, whose
    /// options are those of all its mounts. nil: a new mount.
    package var source: Path?
    package init(name: Path, isV2: Bool, options: Path, source: Path? = nil) {
      self.source = source
      self.name = name
      self.isV2 = isV2
      self.options = options
    }
  }
  package var target: Path
  package var hierarchies: [Hierarchy]
  package var isReadOnly: Bool
  package init(target: Path, hierarchies: [Hierarchy], isReadOnly: Bool) {
    self.target = target
    self.hierarchies = hierarchies
    self.isReadOnly = isReadOnly
  }
}

/// A device file of the container.
package struct DeviceNode: Hashable, Sendable {
  package var path: Path
  package var kind: FileKind
  package var device: DeviceNumber
  package var mode: FileMode
  package var owner: UInt32
  package var group: UInt32
  /// In a user namespace mknod is refused, so the host's own node is bound there instead.
  package var isBound: Bool

  package init(
    path: Path, kind: FileKind, device: DeviceNumber, mode: FileMode, owner: UInt32 = 0, group: UInt32 = 0,
    isBound: Bool = false
  ) {
    self.path = path
    self.kind = kind
    self.device = device
    self.mode = mode
    self.owner = owner
    self.group = group
    self.isBound = isBound
  }
}
