package import Kernel
package import Steps

// In a user namespace the container's root is nobody to the host: it can neither search /var/lib/skiff nor shift owners.
// So the parent opens for it what the steps take from the host, and the child only attaches.

/// Detached mounts in the order of the steps that they are for.
package struct MountSources: ~Copyable, Sendable {
  private var numbers: [Int32] = []

  package var descriptors: [BorrowedDescriptor] { numbers.map(BorrowedDescriptor.init(rawValue:)) }

  /// The next one; nil when there is none, as in a container without a user namespace.
  mutating func take() -> Descriptor? { numbers.isEmpty ? nil : Descriptor(owning: numbers.removeFirst()) }

  mutating func append(_ mount: consuming Descriptor) { numbers.append(mount.release()) }

  deinit { for number in numbers { _ = Descriptor(owning: number) } }
}

/// Opens, with the caller's rights, what `steps` take from the host: each of them that `needsHost`, in their order.
///
/// - Parameters:
///   - userNamespace: the container's, with its ids mapped.
///   - owner: shows the files of the root, in the container, with the ids that they have on the disk (idmapped mounts: Linux
///     5.12, as layers of an overlay 5.19). Overlay works in its upper directory as whoever mounts it, and the host's own
///     root has no id there, so it is mounted as the container's root.
///
/// Nothing is handed over where a filter hides the call that opens a mount apart from the tree: then the child mounts itself,
/// as far as its own rights reach.
package func openSources(
  of steps: [MountStep], userNamespace: BorrowedDescriptor, owner: HostIdentity?
) throws(Fault) -> MountSources {
  do throws(Fault) { return try openAll(steps, userNamespace: userNamespace, owner: owner) } catch {
    guard error.isMissingCall, ["open_tree", "mount_setattr"].contains(error.operation), owner == nil else {
      throw error
    }
    return MountSources()
  }
}

private func openAll(
  _ steps: [MountStep], userNamespace: BorrowedDescriptor, owner: HostIdentity?
) throws(Fault) -> MountSources {
  var sources = MountSources()
  for step in steps where step.needsHost {
    switch step {
    case .mountOverlay(let overlay):
      try overlay.checkDepth()
      if let owner {
        sources.append(try makeMappedOverlay(overlay, userNamespace, owner))
      } else {
        sources.append(try makeOverlay(overlay, attributes: []))
      }
    case .bindRoot(let path):
      sources.append(
        try receiving(owner == nil ? try cloneMount(path, recursive: true) : try cloneMapped(path, userNamespace)))
    case .bind(let bind) where !bind.layers.isEmpty:
      sources.append(try receiving(try makeImageTree(of: bind, userNamespace, owner: owner)))
    case .bind(let bind): sources.append(try receiving(try openSource(of: bind, userNamespace)))
    case .makeDevice(let node):
      let device = try openDevice(node)
      sources.append(try receiving(try cloneMount("", at: device.borrowed, recursive: false)))
    default: break
    }
  }
  return sources
}

/// A copy of a shared mount is its peer: what is mounted on one shows on the other. The kernel ends that for what a mount
/// namespace of a new user namespace starts with (mount_namespaces(7), "Restrictions on mount namespaces"), not for what is
/// brought there by descriptor; and a root that sends cannot be pivoted to.
private func receiving(_ tree: consuming Descriptor) throws(Fault) -> Descriptor {
  try setMountAttributes(of: tree.borrowed, propagation: .slave, recursive: true)
  return tree
}

/// The attributes are the mount's before the container sees it. `idmap` shifts owners as for the root, or as the mount says.
private func openSource(
  of bind: BindMount, _ userNamespace: BorrowedDescriptor
) throws(Fault) -> Descriptor {
  let tree: Descriptor
  if let place = ForeignPlace(bind.source) {
    tree = try place.cloneMount(recursive: bind.isRecursive)
  } else {
    let source = try openBindSource(of: bind)
    tree = try cloneMount("", at: source.borrowed, recursive: bind.isRecursive)
  }
  if bind.isMapped, let owners = bind.owners {
    let procfs = try open("/proc", [.path, .directory])
    let own = try makeUserNamespace(owners, procfs: procfs.borrowed)
    try setAttributes(of: tree.borrowed, bind, own.borrowed)
  } else {
    try setAttributes(of: tree.borrowed, bind, userNamespace)
  }
  return tree
}
