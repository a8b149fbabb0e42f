internal import Kernel
internal import RuntimeSpec
internal import Steps

// The container's file system beside its mounts: devices, what is hidden, and the pivot.

extension PlanCompiler {
  // MARK: - Devices

  /// The devices that every container has (runtime specification, config-linux.md, "Default Devices"), then its own.
  ///
  /// A /dev that is bound from elsewhere has its own.
  func devices() throws(PlanningError) -> [Step] {
    if spec.mounts.contains(where: { isBind($0) && target(of: $0).lexicallyNormal == "/dev" }) { return [] }
    var own: [DeviceNode] = []
    for (index, device) in linux.devices.enumerated() {
      let node = try node(device, at: "linux.devices[\(index)]")
      // It belongs to the devpts and is a link into it.
      if node.path != "/dev/ptmx" { own.append(node) }
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
      isBound: lacksHost)
  }

  private func node(_ device: Spec.Device, at path: String) throws(PlanningError) -> DeviceNode {
    let kinds: [String: FileKind] = ["c": .characterDevice, "u": .characterDevice, "b": .blockDevice, "p": .fifo]
    guard let kind = kinds[device.type] else {
      throw PlanningError("\(path).type", "\"\(device.type)\" is none of c, u, b and p")
    }
    guard device.path.hasPrefix("/") else {
      throw PlanningError("\(path).path", "\"\(device.path)\" is not an absolute path")
    }
    guard let major = UInt32(exactly: device.major), let minor = UInt32(exactly: device.minor) else {
      throw PlanningError(path, "a device number is negative or too large")
    }
    return DeviceNode(
      path: Path(device.path), kind: kind, device: DeviceNumber(major: major, minor: minor),
      mode: FileMode(rawValue: device.fileMode ?? 0o666), owner: device.uid ?? 0, group: device.gid ?? 0,
      isBound: lacksHost && kind != .fifo)
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
    steps += linux.maskedPaths.map { .mount(.mask(Path($0), label: linux.mountLabel)) }
    steps += readOnlyMounts()
    if spec.root?.isReadOnly == true { steps.append(.mount(.makeRootReadOnly)) }
    steps.append(.mount(request.noPivot ? .moveRoot(request.rootfs) : .pivotRoot))
    if let option = linux.rootfsPropagation, let propagation = Propagation(option: option), propagation != .private {
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
