internal import Cgroups
internal import Kernel
internal import Mounts
internal import RuntimeSpec
internal import Steps

// The container's file system: root, mounts, devices, what is hidden, and the pivot.

extension PlanCompiler {
  /// Mounts that a container makes must not reach the host, so the new namespace is cut off before anything is mounted.
  func root() -> [Step] {
    let propagation: Propagation =
      linux.rootfsPropagation.map { $0.contains("slave") || $0.contains("shared") } == true ? .slave : .private
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
    for (index, mount) in spec.mounts.enumerated() where mount.type != "cgroup" && mount.type != "cgroup2" {
      steps.append(.mount(try self.mount(mount, at: "mounts[\(index)]")))
    }
    return steps
  }

  private func mount(_ mount: Spec.Mount, at path: String) throws(PlanningError) -> MountStep {
    guard mount.destination.hasPrefix("/") else {
      throw PlanningError("\(path).destination", "\"\(mount.destination)\" is not an absolute path")
    }
    let options = MountOptions(mount.options)
    let target = Path(mount.destination)
    if options.isBind || mount.type == "bind" {
      guard let source = mount.source, !source.isEmpty else {
        throw PlanningError("\(path).source", "is missing: a bind mount needs one")
      }
      return .bind(
        BindMount(
          source: Path(source), target: target, isRecursive: options.isRecursive, set: options.set,
          clear: options.clear, setRecursively: options.setRecursively, clearRecursively: options.clearRecursively,
          propagation: options.propagation, propagatesRecursively: options.propagatesRecursively))
    }
    return .mount(
      FileSystemMount(
        type: Path(mount.type ?? ""), source: Path(mount.source ?? ""), target: target,
        attributes: options.set.union(options.setRecursively), options: options.data, propagation: options.propagation,
        copiesUp: options.copiesUp))
  }

  func cgroupMounts() -> [Step] {
    spec.mounts.filter { $0.type == "cgroup" || $0.type == "cgroup2" }.map { mount in
      // Pure v2 is one file system, right at the target; v1 is a directory of them.
      if request.layout.kind == .v2 {
        let options = MountOptions(mount.options)
        return .mount(
          .mount(
            FileSystemMount(
              type: "cgroup2", source: "cgroup", target: Path(mount.destination),
              attributes: options.set.union(options.setRecursively), options: options.data,
              propagation: options.propagation)))
      }
      return .mount(
        .mountCgroups(
          CgroupMount(
            target: Path(mount.destination), hierarchies: hierarchies, isReadOnly: mount.options.contains("ro"))))
    }
  }

  private var hierarchies: [CgroupMount.Hierarchy] {
    var found = request.layout.hierarchies.map {
      CgroupMount.Hierarchy(name: Path($0.mount.name), isV2: false, options: Path($0.options))
    }
    if let unified = request.layout.unified {
      found.append(.init(name: Path(unified.mount.name), isV2: true, options: ""))
    }
    return found
  }

  // MARK: - Devices

  /// The devices that every container has (runtime specification, config-linux.md, "Default Devices"), then its own.
  func devices() throws(PlanningError) -> [Step] {
    let own = try linux.devices.enumerated().map { (index, device) throws(PlanningError) in
      try node(device, at: "linux.devices[\(index)]")
    }
    let standard: [DeviceNode] =
      [
        ("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9),
      ].map { node("/dev/\($0.0)", major: 1, minor: $0.1) } + [node("/dev/tty", major: 5, minor: 0)]
    let nodes = standard.filter { device in !own.contains { $0.path == device.path } } + own
    return nodes.map { .mount(.makeDevice($0)) } + links()
  }

  private func node(_ path: Path, major: UInt32, minor: UInt32) -> DeviceNode {
    DeviceNode(
      path: path, kind: .characterDevice, device: DeviceNumber(major: major, minor: minor), mode: 0o666,
      isBound: hasUserNamespace)
  }

  private func node(_ device: Spec.Device, at path: String) throws(PlanningError) -> DeviceNode {
    let kinds: [String: FileKind] = ["c": .characterDevice, "u": .characterDevice, "b": .blockDevice, "p": .fifo]
    guard let kind = kinds[device.type] else {
      throw PlanningError("\(path).type", "\"\(device.type)\" is none of c, u, b and p")
    }
    guard let major = UInt32(exactly: device.major), let minor = UInt32(exactly: device.minor) else {
      throw PlanningError(path, "a device number is negative or too large")
    }
    return DeviceNode(
      path: Path(device.path), kind: kind, device: DeviceNumber(major: major, minor: minor),
      mode: FileMode(rawValue: device.fileMode ?? 0o666), owner: device.uid ?? 0, group: device.gid ?? 0,
      isBound: hasUserNamespace && kind != .fifo)
  }

  private func links() -> [Step] {
    let links: [(Path, Path)] = [
      ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"), ("/dev/stdout", "/proc/self/fd/1"),
      ("/dev/stderr", "/proc/self/fd/2"), ("/dev/ptmx", "pts/ptmx"),
    ]
    return links.map { .mount(.makeSymbolicLink($0.0, target: $0.1)) }
  }

  func terminal() -> [Step] {
    guard process.terminal else { return [] }
    let size = process.consoleSize
    return [
      .process(
        .openTerminal(
          rows: UInt16(clamping: size?.height ?? 0), columns: UInt16(clamping: size?.width ?? 0))),
      .mount(.bindConsole),
    ]
  }

  /// A working directory that the image lacks is made, as docker does, in the root and by descriptors.
  func workingDirectory() -> [Step] {
    process.cwd == "/" ? [] : [.mount(.makeDirectory(Path(process.cwd), mode: 0o755))]
  }

  // MARK: - Closing

  /// Sysctls while /proc/sys can still be written; then what hides and protects; then the pivot, after which the host's
  /// files have no path any more.
  func closing() throws(PlanningError) -> [Step] {
    var steps = try sysctls()
    steps += linux.readonlyPaths.map { .mount(.makeReadOnly(Path($0))) }
    steps += linux.maskedPaths.map { .mount(.mask(Path($0))) }
    if spec.root?.isReadOnly == true { steps.append(.mount(.makeRootReadOnly)) }
    steps.append(.mount(.pivotRoot))
    if let propagation = linux.rootfsPropagation.flatMap(Propagation.init(option:)), propagation != .private {
      steps.append(.mount(.setRootPropagation(propagation)))
    }
    return steps
  }
}

extension Propagation {
  /// `rslave`, `shared`, …
  init?(option: String) {
    switch option {
    case "private", "rprivate": self = .private
    case "slave", "rslave": self = .slave
    case "shared", "rshared": self = .shared
    case "unbindable", "runbindable": self = .unbindable
    default: return nil
    }
  }
}
