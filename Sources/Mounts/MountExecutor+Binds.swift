internal import Kernel
internal import Rooted
internal import Steps

// Files and directories of the host, seen below the new root.

extension MountExecutor {
  mutating func bind(_ bind: BindMount) throws(Fault) {
    if let tree = handed.take() {
      let target = try openTarget(of: bind, like: tree.borrowed)
      return try attach(tree.borrowed, onto: target.borrowed, bind)
    }
    try bindHere(bind)
  }

  /// With the rights of this process, not of its parent.
  mutating func bindHere(_ bind: BindMount) throws(Fault) {
    if !bind.layers.isEmpty { return try mountImage(bind) }
    if let place = ForeignPlace(bind.source) {
      let tree = try place.cloneMount(recursive: bind.isRecursive)
      let target = try openTarget(of: bind, like: tree.borrowed)
      try setAttributes(of: tree.borrowed, bind)
      return try attach(tree.borrowed, onto: target.borrowed, bind)
    }
    let source = try openBindSource(of: bind)
    let target = try openTarget(of: bind, like: source.borrowed)
    do throws(Fault) {
      let tree = try cloneMount("", at: source.borrowed, recursive: bind.isRecursive)
      if bind.isMapped, let owners = bind.owners {
        let namespace = Descriptor(
          owning: try withPrivateProc { (procfs) throws(Fault) in
            try makeUserNamespace(owners, procfs: procfs).release()
          })
        try setAttributes(of: tree.borrowed, bind, namespace.borrowed)
      } else {
        try setAttributes(of: tree.borrowed, bind)
      }
      try attach(tree.borrowed, onto: target.borrowed, bind)
    } catch {
      guard error.isMissingCall else { throw error.hinted(Self.bindHint(bind, error.errno)) }
      try classicBind(bind, source.borrowed, on: target.borrowed)
    }
  }

  /// The place for it inside the root: a directory for a directory, a file for everything else.
  func openTarget(of bind: BindMount, like source: BorrowedDescriptor) throws(Fault) -> Descriptor {
    let isDirectory = try status(of: source).kind == .directory
    let target = try withRoot { (root) throws(Fault) in
      isDirectory ? try root.makeDirectories(bind.target) : try root.createFile(bind.target)
    }
    guard try (status(of: target.borrowed).kind == .directory) == isDirectory else {
      throw Fault(
        "mount", .notDirectory, arguments: "\(bind.source.quoted), \(bind.target.quoted)",
        hint: "\(bind.source) and \(bind.target) must both be directories or both be files")
    }
    if try fileSystemStatus(of: source).type != .proc { try refuseProc(target.borrowed, bind.target, type: nil) }
    return target
  }

  mutating func attach(
    _ tree: BorrowedDescriptor, onto target: BorrowedDescriptor, _ bind: BindMount
  ) throws(Fault) {
    try moveMount(tree, onto: target)
    try kernel.remember(tree, at: bind.target)
    // A mount that is attached nowhere has no propagation of its own yet: the place gives it one.
    guard let propagation = bind.propagation else { return }
    do throws(Fault) {
      try setMountAttributes(of: tree, propagation: propagation, recursive: bind.propagatesRecursively)
    } catch {
      guard error.isMissingCall else { throw error }
      let flags = MountFlags(propagation)
      try classicMount(source: "", on: tree, flags: bind.propagatesRecursively ? flags.union(.recursive) : flags)
    }
  }

  private static func bindHint(_ bind: BindMount, _ errno: Errno) -> String? {
    switch errno {
    case .notPermitted: "the host's mount options of \(bind.source) are locked in a user namespace"
    case .invalid where bind.set.union(bind.setRecursively).contains(.identityMapped):
      "idmap shifts owners to the ids of a user namespace, and the container has none"
    case .invalid where !bind.isRecursive: "what is mounted below \(bind.source) cannot be left out here: use rbind"
    default: nil
    }
  }

  private mutating func classicBind(
    _ bind: BindMount, _ source: BorrowedDescriptor, on target: BorrowedDescriptor
  ) throws(Fault) {
    // `rro` beside `ro` is a wish, and mount(2) sets flags of one mount only.
    let wishes: MountAttributes = bind.set.contains(.readOnly) ? .readOnly : []
    let all = AttributeChange(set: bind.setRecursively.subtracting(wishes), clear: bind.clearRecursively)
    guard all.isEmpty, !bind.set.contains(.identityMapped) else {
      throw Fault(
        "mount_setattr", .noSystemCall, arguments: bind.target.quoted,
        hint: "mount options such as rro and idmap need mount_setattr (Linux 5.12), which this host hides")
    }
    try classicBind(source, on: target, recursive: bind.isRecursive)
    let one = AttributeChange(set: bind.set, clear: bind.clear)
    guard !one.isEmpty || bind.propagation != nil || KernelMounts.isOne(bind.target) else { return }
    let mounted = try openMounted(bind.target, over: target)
    try kernel.remember(mounted.borrowed, at: bind.target)
    if !one.isEmpty { try classicRemount(mounted.borrowed, set: one.set, clear: one.clear) }
    if let propagation = bind.propagation {
      let flags = MountFlags(propagation)
      try classicMount(
        source: "", on: mounted.borrowed, flags: bind.propagatesRecursively ? flags.union(.recursive) : flags)
    }
  }

  /// Attaches a copy of the mount below `source` onto `target`.
  mutating func bind(_ source: BorrowedDescriptor, onto target: BorrowedDescriptor) throws(Fault) {
    do throws(Fault) {
      let tree = try cloneMount("", at: source, recursive: false)
      try moveMount(tree.borrowed, onto: target)
    } catch {
      guard error.isMissingCall else { throw error }
      try classicBind(source, on: target, recursive: false)
    }
  }

  /// The terminal's own end, which TIOCGPTPEER opened: no path of the image says what it is (CVE-2025-52565).
  mutating func bindConsole(_ terminal: BorrowedDescriptor?) throws(Fault) {
    guard let terminal else { throw Fault("plan", .invalid, arguments: "/dev/console without a terminal") }
    let target = try withRoot { (root) throws(Fault) in
      let directory = try root.openDirectoryNoFollow("/dev", making: 0o755)
      do throws(Fault) { try makeNode("console", kind: .regular, mode: 0o620, at: directory.borrowed) } catch {
        if error.errno != .exists { throw error }
      }
      return try open("console", [.path, .noFollow], at: directory.borrowed)
    }
    guard try status(of: target.borrowed).kind != .symbolicLink else {
      throw Fault("open", .tooManyLinks, arguments: "\"/dev/console\"", hint: "/dev/console of the image is a link")
    }
    try bind(terminal, onto: target.borrowed)
  }
}

func openBindSource(_ path: Path) throws(Fault) -> Descriptor {
  do throws(Fault) { return try open(path, .path) } catch {
    throw error.hinted(error.errno == .noSuchFile ? "\(path) does not exist on the host" : nil)
  }
}

/// Before the tree is attached, so that nobody ever sees it writable.
///
/// - Parameter userNamespace: whose ids the owners of an id-mapped mount are shown with.
func setAttributes(
  of tree: BorrowedDescriptor, _ bind: BindMount, _ userNamespace: BorrowedDescriptor? = nil
) throws(Fault) {
  var bind = bind
  if let userNamespace, bind.isMapped {
    try mapIdentifiers(
      of: tree, userNamespace, bind.source, recursive: bind.setRecursively.contains(.identityMapped))
    bind.set.subtract(.identityMapped)
    bind.setRecursively.subtract(.identityMapped)
  }
  let one = AttributeChange(set: bind.set, clear: bind.clear)
  let all = AttributeChange(set: bind.setRecursively, clear: bind.clearRecursively)
  if !all.isEmpty { try setMountAttributes(of: tree, set: all.set, clear: all.clear, recursive: true) }
  if !one.isEmpty { try setMountAttributes(of: tree, set: one.set, clear: one.clear, recursive: false) }
}

extension BindMount {
  var isMapped: Bool { return set.union(setRecursively).contains(.identityMapped) }
}

/// What mount_setattr(2) is asked for, and needs: a value of the access-time field is set only while the whole is cleared.
private struct AttributeChange {
  let set: MountAttributes
  let clear: MountAttributes

  init(set: MountAttributes, clear: MountAttributes) {
    self.set = set
    self.clear = set.isDisjoint(with: .accessTimeMask) ? clear : clear.union(.accessTimeMask)
  }

  var isEmpty: Bool { return set.isEmpty && clear.isEmpty }
}
