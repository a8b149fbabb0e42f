internal import Kernel
internal import Steps

// The layers of an image with the owners of a user namespace: each is a mount of its own that shows its files with other
// ids (idmapped mounts), and overlay is made of those.

func cloneMapped(_ path: Path, _ userNamespace: BorrowedDescriptor) throws(Fault) -> Descriptor {
  let mount = try cloneMount(path, recursive: false)
  try mapIdentifiers(of: mount.borrowed, userNamespace, path)
  return mount
}

func mapIdentifiers(
  of mount: BorrowedDescriptor, _ userNamespace: BorrowedDescriptor, _ path: Path, recursive: Bool = false
) throws(Fault) {
  do throws(Fault) {
    try setMountAttributes(of: mount, set: .identityMapped, userNamespace: userNamespace, recursive: recursive)
  } catch {
    throw error.hinted(
      "the file system of \(path) cannot show its files with other owners (idmapped mounts); run without --userns")
  }
}

/// - Parameter owner: overlay works in its upper directory as whoever mounts it, and the host's own root has no id there, so
///   it is mounted as the container's root.
func makeMappedOverlay(
  _ overlay: OverlayMount, _ userNamespace: BorrowedDescriptor, _ owner: HostIdentity
) throws(Fault) -> Descriptor {
  var layers = MountSources()
  for layer in overlay.lower { layers.append(try cloneMapped(layer, userNamespace)) }
  if let upper = overlay.upper, let work = overlay.work {
    // Both must lie on one mount, so it is the directory above that is mapped.
    guard upper.parent == work.parent else {
      throw Fault("mount", .crossDevice, arguments: "\(upper.quoted), \(work.quoted)")
    }
    layers.append(try cloneMapped(upper.parent, userNamespace))
  }
  let descriptors = layers.descriptors
  do throws(Fault) {
    return try makeOverlay(overlay, at: descriptors.map { Path("/proc/self/fd/\($0.rawValue)") }, owner)
  } catch {
    // Before Linux 6.15 overlay takes no layer that is mounted nowhere.
    guard error.errno == .invalid || error.isMissingCall else { throw error.hinted(overlayHint(error.errno)) }
  }
  return try inOwnMountNamespace { () throws(Fault) in try attachAndMake(overlay, descriptors, owner) }
}

private func makeOverlay(
  _ overlay: OverlayMount, at layers: [Path], _ owner: HostIdentity
) throws(Fault) -> Descriptor {
  let mapped = overlay.replacingLayers(with: layers)
  return try withFileSystemIdentity(user: owner.user, group: owner.group) { () throws(Fault) in
    try makeOverlay(mapped, attributes: [])
  }
}

/// The same with every layer mounted somewhere first. The calling process is alone in its mount namespace, so it is the
/// container's own empty directory that a tmpfs of mount points covers, and nobody sees it.
private func attachAndMake(
  _ overlay: OverlayMount, _ layers: [BorrowedDescriptor], _ owner: HostIdentity
) throws(Fault) -> Descriptor {
  try mount(source: "tmpfs", on: overlay.target, type: "tmpfs", flags: [.noSetUserId, .noDevices], data: "mode=755")
  try changeDirectory(overlay.target)
  var places: [Path] = []
  for (index, layer) in layers.enumerated() {
    let place = Path("\(index)")
    try makeDirectory(place, mode: 0o755)
    try moveMount(layer, to: place, at: .workingDirectory)
    places.append(place)
  }
  do throws(Fault) {
    return try makeOverlay(overlay, at: places.map { overlay.target.appending($0) }, owner)
  } catch {
    guard error.errno == .invalid || error.isMissingCall else { throw error.hinted(overlayHint(error.errno)) }
  }
  // Before Linux 6.8 by mount(2), whose data is one page: by names that are short from here.
  let mapped = overlay.replacingLayers(with: places)
  try makeDirectory("merged", mode: 0o755)
  do throws(Fault) {
    try withFileSystemIdentity(user: owner.user, group: owner.group) { () throws(Fault) in
      try mount(source: "overlay", on: "merged", type: "overlay", flags: [], data: try mapped.data())
    }
  } catch {
    throw error.hinted(
      error.errno == .invalid ? "a layered image in a user namespace needs Linux 5.19" : overlayHint(error.errno))
  }
  return try cloneMount("merged", recursive: false)
}

extension OverlayMount {
  /// - Parameter layers: the lower ones, then the directory that holds the upper and work directories.
  fileprivate func replacingLayers(with layers: [Path]) -> OverlayMount {
    var mapped = self
    mapped.lower = Array(layers.prefix(lower.count))
    if let upper, let work, let above = layers.last {
      mapped.upper = above.appending(upper.name)
      mapped.work = above.appending(work.name)
    }
    return mapped
  }
}
