internal import Cgroups
internal import Kernel
internal import Mounts
internal import RuntimeSpec
internal import Steps

// The root and what is mounted in it.

extension PlanCompiler {
  /// Mounts that a container makes must not reach the host, so the new namespace is cut off before anything is mounted. By
  /// default it still hears of the host's, as a volume on which something is mounted later is meant to; only who asks for a
  /// shared root may send to the host.
  func root() throws(PlanningError) -> [Step] {
    var propagation = Propagation.slave
    if let option = linux.rootfsPropagation {
      guard let asked = Propagation(option: option) else {
        throw PlanningError(
          "linux.rootfsPropagation", "\"\(option)\" is none of private, slave, shared, unbindable and these with an r")
      }
      // What cannot be bound could not become the root.
      propagation = asked == .unbindable ? .private : asked
    }
    switch request.root {
    case .directory(let path):
      return [.mount(.setPropagation(propagation)), .mount(.bindRoot(path))]
    case .overlay(var overlay):
      overlay.target = request.rootfs
      return [.mount(.setPropagation(propagation)), .mount(.mountOverlay(overlay))]
    }
  }

  /// All mounts but those of cgroups, which show the container's own group once it is in it.
  func mounts() throws(PlanningError) -> [Step] {
    var steps: [Step] = []
    for (index, mount) in spec.mounts.enumerated() where !isCgroup(mount) {
      steps.append(.mount(try self.mount(mount, at: "mounts[\(index)]")))
    }
    return steps
  }

  /// A relative destination is deprecated by the specification, and begins at the root.
  func target(of mount: Spec.Mount) -> Path {
    Path(mount.destination.hasPrefix("/") ? mount.destination : "/" + mount.destination)
  }

  func isBind(_ mount: Spec.Mount) -> Bool {
    mount.type == "bind" || mount.options.contains("bind") || mount.options.contains("rbind")
  }

  private func isCgroup(_ mount: Spec.Mount) -> Bool {
    (mount.type == "cgroup" || mount.type == "cgroup2") && !isBind(mount)
  }

  private func mount(_ mount: Spec.Mount, at path: String) throws(PlanningError) -> MountStep {
    guard !mount.destination.isEmpty else { throw PlanningError("\(path).destination", "is missing") }
    let options = MountOptions(mount.options)
    if options.isRemount { return .remount(remount(mount, options)) }
    if isBind(mount) { return .bind(try bind(mount, options, at: path)) }
    if let image = try imageMount(mount, options, at: path) { return .bind(image) }
    guard let type = mount.type, !type.isEmpty, type != "none" else {
      throw PlanningError("\(path).type", "is missing, and neither bind nor rbind is among the options")
    }
    guard !options.isMapped, mount.uidMappings.isEmpty, mount.gidMappings.isEmpty else {
      throw PlanningError(path, "only what is bound from the host can be mounted with other owners")
    }
    var attributes = options.set.union(options.setRecursively)
    if becomesReadOnlyLater(mount, options) { attributes.subtract(.readOnly) }
    return .mount(
      FileSystemMount(
        type: Path(type), source: Path(mount.source ?? ""), target: target(of: mount), attributes: attributes,
        options: options.data, propagation: options.propagation, copiesUp: options.copiesUp,
        fallback: fallback(for: type)))
  }

  private func remount(_ mount: Spec.Mount, _ options: MountOptions) -> Remount {
    Remount(
      target: target(of: mount), isBind: isBind(mount), set: options.set, clear: options.clear,
      setRecursively: options.setRecursively, clearRecursively: options.clearRecursively, options: options.data)
  }

  /// The host's own, where the container shares the namespace that the file system shows: there a user namespace may not
  /// mount it.
  private func fallback(for type: String) -> Path? {
    switch type {
    case "sysfs" where lacksHost && !created.contains(.network): "/sys"
    case "proc" where lacksHost && !created.contains(.process): "/proc"
    default: nil
    }
  }

  // MARK: - Read-only at last

  /// A tmpfs is filled before it is closed: with the places of later mounts, and /dev with its devices.
  private func becomesReadOnlyLater(_ mount: Spec.Mount, _ options: MountOptions) -> Bool {
    options.set.contains(.readOnly) && !isBind(mount) && !isCgroup(mount) && !options.isRemount
      && (mount.type == "tmpfs" || target(of: mount).lexicallyNormal == "/dev")
  }

  func readOnlyMounts() -> [Step] {
    spec.mounts.filter { $0.options.contains("ro") && becomesReadOnlyLater($0, MountOptions($0.options)) }.map {
      .mount(.remount(Remount(target: target(of: $0), set: .readOnly)))
    }
  }

  // MARK: - From the host

  private func bind(
    _ mount: Spec.Mount, _ options: MountOptions, at path: String
  ) throws(PlanningError) -> BindMount {
    guard let source = mount.source, !source.isEmpty else {
      throw PlanningError("\(path).source", "is missing: a bind mount needs one")
    }
    if let word = options.ownData.first {
      throw PlanningError(
        "\(path).options", "\"\(word)\" is an option of a file system, and a bind mount makes none",
        hint: "the file system has the options that it was mounted with on the host")
    }
    var bind = BindMount(
      source: request.bundle.map { source.hasPrefix("/") ? Path(source) : $0.appending(Path(source)) } ?? Path(source),
      target: target(of: mount), isRecursive: options.isRecursive, set: options.set, clear: options.clear,
      setRecursively: options.setRecursively, clearRecursively: options.clearRecursively,
      propagation: options.propagation, propagatesRecursively: options.propagatesRecursively)
    bind.subpath = options.subpath
    try setOwners(of: &bind, mount, at: path)
    return bind
  }

  /// An overlay of layers alone, each as `lowerdir+=PATH`: an image. Its layers lie where the container's own root may not
  /// look in a user namespace, so they are taken from the host like what is bound.
  private func imageMount(
    _ mount: Spec.Mount, _ options: MountOptions, at path: String
  ) throws(PlanningError) -> BindMount? {
    let key = Array("lowerdir+=".utf8)
    guard mount.type == "overlay", !options.data.isEmpty,
      options.data.allSatisfy({ $0.bytes.starts(with: key) })
    else { return nil }
    var bind = BindMount(source: "overlay", target: target(of: mount), isRecursive: false, set: .readOnly)
    bind.layers = options.data.compactMap { Path(bytes: $0.bytes.dropFirst(key.count)) }
    bind.subpath = options.subpath
    if options.isMapped { bind.set.insert(.identityMapped) }
    return bind
  }

  /// config.md, "Linux mount options": mappings alone ask for `idmap`; `idmap` alone takes those of the container's user
  /// namespace.
  private func setOwners(of bind: inout BindMount, _ mount: Spec.Mount, at path: String) throws(PlanningError) {
    let hasMappings = !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty
    let isAsked = bind.set.union(bind.setRecursively).contains(.identityMapped)
    guard hasMappings || isAsked else { return }
    guard request.rootless == nil else {
      throw PlanningError(path, "an ordinary user may not show files with other owners")
    }
    guard hasMappings else {
      guard hasUserNamespace else {
        throw PlanningError(
          path, "idmap shifts owners to the ids of a user namespace, and the container has none",
          hint: "give the mount uidMappings and gidMappings")
      }
      return
    }
    guard !mount.uidMappings.isEmpty, !mount.gidMappings.isEmpty else {
      throw PlanningError(path, "uidMappings and gidMappings are given both or not at all")
    }
    if !isAsked { bind.set.insert(.identityMapped) }
    bind.owners = FileOwners(users: identifierMaps(mount.uidMappings), groups: identifierMaps(mount.gidMappings))
  }

  // MARK: - Control groups

  /// - Parameter groups: the container's own, one directory a hierarchy.
  func cgroupMounts(_ groups: [Path]) -> [Step] {
    spec.mounts.filter(isCgroup).map { mount in
      let options = MountOptions(mount.options)
      // Pure v2 is one file system, right at the target; v1 is a directory of them.
      guard request.layout.kind == .v2 else {
        return .mount(
          .mountCgroups(
            CgroupMount(
              target: target(of: mount), hierarchies: hierarchies(groups),
              isReadOnly: options.set.contains(.readOnly))))
      }
      let fallback = has(.cgroup) ? groups.first : request.layout.unified?.mount
      return .mount(
        .mount(
          FileSystemMount(
            type: "cgroup2", source: "cgroup", target: target(of: mount),
            attributes: options.set.union(options.setRecursively), options: options.data,
            propagation: options.propagation, fallback: lacksHost ? fallback : nil)))
    }
  }

  private func hierarchies(_ groups: [Path]) -> [CgroupMount.Hierarchy] {
    func own(_ mount: Path) -> Path? {
      let group = groups.first { $0.isInside(mount) }
      // Without a namespace of its own the container would see the host's groups from their top. Of one that it joins, its
      // groups need not be the top.
      guard has(.cgroup) else { return group ?? mount }
      return created.contains(.cgroup) && !lacksHost ? group : nil
    }
    var found = request.layout.hierarchies.map {
      CgroupMount.Hierarchy(name: Path($0.mount.name), isV2: false, options: Path($0.options), source: own($0.mount))
    }
    if let unified = request.layout.unified {
      found.append(.init(name: Path(unified.mount.name), isV2: true, options: "", source: own(unified.mount)))
    }
    return found
  }
}
