internal import Kernel
internal import Rooted
internal import Steps

// Device files and links of the new root.

extension MountExecutor {
  mutating func makeDevice(_ node: DeviceNode) throws(Fault) {
    if node.isBound { return try bindDevice(node) }
    let place = try withRoot { (root) throws(Fault) in try root.openParent(of: node.path, making: 0o755) }
    var isNew = true
    do throws(Fault) {
      try makeNode(place.name, kind: node.kind, mode: node.mode, device: node.device, at: place.directory.borrowed)
    } catch {
      // The runtime itself may be in a user namespace, or without the capability: as for one of the container's own.
      if error.errno == .notPermitted, node.kind != .fifo { return try bindDevice(node) }
      guard error.errno == .exists else { throw error }
      isNew = false
    }
    // Most nodes are new and root's: that is one call each.
    if isNew, node.owner == 0, node.group == 0 { return }
    let handle = try open(place.name, [.path, .noFollow], at: place.directory.borrowed)
    try verify(handle.borrowed, is: node)
    try setOwner(of: "", at: handle.borrowed, user: node.owner, group: node.group)
    if !isNew {
      try openProc()
      // fchmod(2) refuses a handle, and a device must not be opened only for its mode.
      try inDescriptorDirectory { () throws(Fault) in try setMode(of: Path("\(handle.rawValue)"), to: node.mode) }
    }
  }

  private mutating func bindDevice(_ node: DeviceNode) throws(Fault) {
    if let mount = handed.take() {
      let target = try withRoot { (root) throws(Fault) in try root.createFile(node.path) }
      return try moveMount(mount.borrowed, onto: target.borrowed)
    }
    let source = try openDevice(node)
    let target = try withRoot { (root) throws(Fault) in try root.createFile(node.path) }
    try bind(source.borrowed, onto: target.borrowed)
  }

  /// A name that the image has already is the image's.
  func makeLink(_ path: Path, to target: Path) throws(Fault) {
    let place = try withRoot { (root) throws(Fault) in try root.openParent(of: path, making: 0o755) }
    do throws(Fault) { try makeSymbolicLink(place.name, to: target, at: place.directory.borrowed) } catch {
      if error.errno != .exists { throw error }
    }
  }
}

/// The host's own node of that name, when it is the device that it should be.
func openDevice(_ node: DeviceNode) throws(Fault) -> Descriptor {
  let source = try open(node.path, [.path, .noFollow])
  try verify(source.borrowed, is: node)
  return source
}

private func verify(_ handle: BorrowedDescriptor, is node: DeviceNode) throws(Fault) {
  let found = try status(of: handle)
  guard found.kind == node.kind, node.kind == .fifo || found.device == node.device else {
    throw Fault(
      "mknodat", .exists, arguments: node.path.quoted,
      hint: "\(node.path) is there already and is not the device \(node.device.major):\(node.device.minor)")
  }
}
