internal import Kernel
internal import Steps

extension Explanation {
  init(of step: MountStep) {
    switch step {
    case .mountOverlay, .bindRoot, .mount, .bind, .mountCgroups:
      self.init(ofAttachingStep: step)
    case .openSources(let steps, let owner):
      self.init(opening: steps, owner: owner)
    case .setPropagation(let propagation):
      self.init(
        name: "mount.setPropagation",
        sentence: "Keep what is mounted in here from showing up on the host: every mount becomes \(propagation.name).",
        calls: [Trace.call("mount", "\"\"", "\"/\"", "NULL", "MS_REC|\(propagation.flag)", "NULL")],
        shell: ["mount --make-r\(propagation.name) /"])
    case .makeDevice(let node):
      self.init(making: node)
    case .makeSymbolicLink(let path, let target):
      self.init(
        name: "mount.makeSymbolicLink",
        sentence: "Make \(Trace.clean(path)) a link to \(Trace.clean(target)), where programs look for it.",
        calls: [Trace.call("symlinkat", Trace.path(target), "<root>", Trace.path(path))],
        already: "[ -L \(ShellWord.inRoot(path)) ]", shell: ["ln -s \(ShellWord(target)) \(ShellWord.inRoot(path))"])
    case .makeDirectory(let path, let mode):
      self.init(
        name: "mount.makeDirectory",
        sentence: "Make the directory \(Trace.clean(path)) in the container, if it is missing.",
        calls: [Trace.call("mkdirat", "<root>", Trace.path(path), mode.octal)],
        already: "[ -d \(ShellWord.inRoot(path)) ]",
        shell: ["mkdir -p -m \(mode.octal) \(ShellWord.inRoot(path))"])
    case .bindConsole:
      self.init(
        name: "mount.bindConsole",
        sentence: "Put the container's own terminal at /dev/console.",
        calls: [
          Trace.call("open_tree", "<pts>", "\"\"", "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH"),
          Trace.move(to: "/dev/console"),
        ],
        shell: [": > \"$root\"/dev/console", "if tty -s; then mount --bind \"$(tty)\" \"$root\"/dev/console; fi"])
    case .mask(let path, let label):
      self.init(masking: path, label: label)
    case .makeReadOnly(let path):
      let target = ShellWord.inRoot(path)
      self.init(
        name: "mount.makeReadOnly",
        sentence: "Make \(Trace.clean(path)) read-only: it holds switches of the whole kernel.",
        calls: [
          Trace.tree(path, recursive: true, root: true), Trace.attributes("<tree>", set: .readOnly),
          Trace.move(to: path),
        ],
        shell: ["if [ -e \(target) ]; then mount --rbind \(target) \(target); \(remount(target, [.readOnly])); fi"])
    case .makeRootReadOnly:
      self.init(
        name: "mount.makeRootReadOnly",
        sentence: "Make the root itself read-only; what is mounted below it stays as it is.",
        calls: [Trace.attributes("<root>", set: .readOnly)], shell: [remount("\"$root\"", [.readOnly])])
    case .pivotRoot:
      self.init(
        name: "mount.pivotRoot",
        sentence: "Turn the new root into / and let go of the old one: unlike after chroot, "
          + "no path leads back to the host's files.",
        calls: [
          Trace.call("fchdir", "<root>"), Trace.call("pivot_root", "\".\"", "\".\""),
          Trace.call("umount2", "\".\"", "MNT_DETACH|UMOUNT_NOFOLLOW"), Trace.call("chdir", "\"/\""),
        ],
        shell: ["cd \"$root\"", "pivot_root . .", "umount -l ."])
    case .remount(let remount):
      self.init(remounting: remount)
    case .moveRoot(let path):
      self.init(
        name: "mount.moveRoot",
        sentence: "Move the new root over / and stay in it, for a host whose own root cannot be pivoted away: "
          + "who may mount could find a way back.",
        calls: [
          Trace.call("umount2", "</proc and /sys of the host>", "MNT_DETACH|UMOUNT_NOFOLLOW"),
          Trace.call("fchdir", "<root>"), Trace.call("mount", "\".\"", "\"/\"", "NULL", "MS_MOVE", "NULL"),
          Trace.call("chroot", "\".\""), Trace.call("chdir", "\"/\""),
        ],
        shell: ["cd \(ShellWord(path))", "mount --move . /", "exec chroot . \"$@\""])
    case .setRootPropagation(let propagation):
      self.init(
        name: "mount.setRootPropagation",
        sentence: "Let mounts travel between here and the host as asked for: the root becomes \(propagation.name).",
        calls: [Trace.call("mount", "\"\"", "\"/\"", "NULL", propagation.flag, "NULL")],
        shell: ["mount --make-\(propagation.name) /"])
    case .mountScratch, .enterToolbox, .share:
      self.init(ofToolboxStep: step)
    }
  }

  private init(remounting change: Remount) {
    let target = ShellWord.inRoot(change.target)
    let options = (change.set.names + change.options.map(\.string)).joined(separator: ",")
    var shell: [String]
    var calls: [String] = []
    if change.isBind {
      shell = [remount(target, change.set, clearing: change.clear)]
      if !change.set.isEmpty || !change.clear.isEmpty {
        calls.append(Trace.attributes("<mount>", set: change.set, clear: change.clear))
      }
      if !change.setRecursively.isEmpty || !change.clearRecursively.isEmpty {
        let one = remount("\"$mount\"", change.setRecursively, clearing: change.clearRecursively)
        shell.append("findmnt -nrRo TARGET -M \(target) | while read -r mount; do \(one); done")
        calls.append(
          Trace.attributes("<mount>", set: change.setRecursively, clear: change.clearRecursively, recursive: true))
      }
    } else {
      shell = [command("mount -o", ShellWord("remount" + (options.isEmpty ? "" : "," + options)).description, target)]
    }
    if calls.isEmpty {
      calls = [
        Trace.call("mount", "\"\"", "<root:\(Trace.clean(change.target))>", "NULL", "MS_REMOUNT", Trace.string(options))
      ]
    }
    self.init(
      name: "mount.remount",
      sentence: "Change the options of what is mounted at \(Trace.clean(change.target))"
        + (change.set.contains(.readOnly) ? ": it becomes read-only." : "."),
      calls: calls, shell: shell)
  }

  private init(opening steps: [MountStep], owner: HostIdentity?) {
    var calls = [Trace.call("open_tree", "AT_FDCWD", "<source>", "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC")]
    if owner != nil {
      calls.append(
        Trace.call(
          "mount_setattr", "<tree>", "\"\"", "AT_EMPTY_PATH", "{attr_set=MOUNT_ATTR_IDMAP, userns_fd=<user>}", "32"))
    }
    calls.append(Trace.call("sendmsg", "<container>", "{SCM_RIGHTS, <tree>}", "0"))
    self.init(
      name: "mount.openSources",
      sentence: steps.isEmpty
        ? "Let the container go on: the users inside are known by now."
        : "Open what the container takes from the host, \(steps.count) mounts: its root is nobody out here"
          + (owner == nil ? "." : ". Files of its root belong, in there, to the ids that they have on the disk."),
      calls: calls,
      shell: owner == nil
        ? ["# a script mounts each of them where it is needed"]
        : [
          "# no command of util-linux before 2.39 shifts the owners of a mount (mount -o X-mount.idmap): a script leaves the",
          "# files of the root to the host's ids",
        ])
  }

  private init(making node: DeviceNode) {
    let target = ShellWord.inRoot(node.path)
    let letter = node.kind == .blockDevice ? "b" : node.kind == .fifo ? "p" : "c"
    let name = node.path.name
    let kind = node.kind == .blockDevice ? "S_IFBLK" : node.kind == .fifo ? "S_IFIFO" : "S_IFCHR"
    let (major, minor) = (node.device.major, node.device.minor)
    let numbers = node.kind == .fifo ? "" : "\(major) \(minor)"
    var shell: [String]
    var calls: [String]
    if node.isBound {
      shell = [": > \(target)", "mount --bind \(ShellWord(node.path)) \(target)"]
      calls = [Trace.tree(node.path, recursive: false, root: false), Trace.move(to: node.path)]
    } else {
      shell = [command("mknod -m", node.mode.octal, target, letter, numbers)]
      calls = [
        Trace.call(
          "mknodat", "<root>", Trace.path(node.path), "\(kind)|\(node.mode.octal)", "makedev(\(major), \(minor))"),
        Trace.call("fchmodat", "<root>", Trace.path(node.path), node.mode.octal),
      ]
      if node.owner != 0 || node.group != 0 {
        shell.append("chown -h \(node.owner):\(node.group) \(target)")
        calls.append(Trace.call("fchownat", "<\(name)>", "\"\"", "\(node.owner)", "\(node.group)", "AT_EMPTY_PATH"))
      }
    }
    self.init(
      name: "mount.makeDevice",
      sentence:
        "Make the device \(Trace.clean(node.path)) (\(node.kind == .blockDevice ? "block" : "character") \(major):\(minor))"
        + (node.isBound ? ", from the host's own: who is not the host's root may not make one." : "."),
      calls: calls, shell: shell)
  }

  private init(masking path: Path, label: String?) {
    let target = ShellWord.inRoot(path)
    var options = "nosuid,nodev,noexec,nr_blocks=1,nr_inodes=1,mode=755"
    var directory = [Trace.call("fsopen", "\"tmpfs\"", "FSOPEN_CLOEXEC")]
    if let label {
      options += "," + Path("context=\(label)").mountWord
      directory.append(
        Trace.call("fsconfig", "<tmpfs>", "FSCONFIG_SET_STRING", "\"context\"", Trace.string(label), "0"))
    }
    self.init(
      name: "mount.mask",
      sentence: "Hide \(Trace.clean(path)): it tells or changes what belongs to the host.",
      calls: [
        "if a file:      "
          + Trace.call("open_tree", "</dev/null>", "\"\"", "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH")
      ] + directory.map { "if a directory: " + $0 } + [Trace.move(to: path)],
      shell: [
        "if [ -d \(target) ]; then mount -t tmpfs -o \(ShellWord(options)) tmpfs \(target); "
          + "mount -o remount,bind,ro,nosuid,nodev,noexec \(target); "
          + "elif [ -e \(target) ]; then mount --bind /dev/null \(target); fi"
      ])
  }
}

/// `mount -o remount,bind` sets every flag of the mount anew, so what is there already is read first.
func remount(_ target: String, _ attributes: MountAttributes, clearing: MountAttributes = []) -> String {
  let cleared = clearing.names.compactMap { MountAttributes.opposite[$0] }
  // The owners of a mount are set before it is attached; the step that opens it tells how.
  let words = attributes.subtracting(.identityMapped).names + cleared
  return "mount -o \"remount,bind,$(findmnt -nfo VFS-OPTIONS -M \(target))"
    + words.map { ",\($0)" }.joined() + "\" \(target)"
}

extension Propagation {
  var name: String {
    switch self {
    case .private: "private"
    case .slave: "slave"
    case .shared: "shared"
    case .unbindable: "unbindable"
    }
  }
  var flag: String { "MS_" + name.uppercased() }
}

extension MountAttributes {
  private static let table: [(MountAttributes, option: String, constant: String)] = [
    (.readOnly, "ro", "MOUNT_ATTR_RDONLY"), (.noSetUserId, "nosuid", "MOUNT_ATTR_NOSUID"),
    (.noDevices, "nodev", "MOUNT_ATTR_NODEV"), (.noExecute, "noexec", "MOUNT_ATTR_NOEXEC"),
    (.noAccessTime, "noatime", "MOUNT_ATTR_NOATIME"), (.strictAccessTime, "strictatime", "MOUNT_ATTR_STRICTATIME"),
    (.noDirectoryAccessTime, "nodiratime", "MOUNT_ATTR_NODIRATIME"),
    (.identityMapped, "X-mount.idmap", "MOUNT_ATTR_IDMAP"),
    (.noSymlinkFollow, "nosymfollow", "MOUNT_ATTR_NOSYMFOLLOW"),
  ]
  static let opposite = [
    "ro": "rw", "nosuid": "suid", "nodev": "dev", "noexec": "exec", "noatime": "atime", "nodiratime": "diratime",
    "nosymfollow": "symfollow", "strictatime": "nostrictatime",
  ]

  /// As mount(8) names them.
  var names: [String] { Self.table.filter { contains($0.0) }.map(\.option) }
  var constants: [String] { Self.table.filter { contains($0.0) }.map(\.constant) }
}

extension Trace {
  static func tree(_ path: Path, recursive: Bool, root: Bool) -> String {
    call(
      "open_tree", root ? "<root>" : "AT_FDCWD", self.path(path),
      "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC" + (recursive ? "|AT_RECURSIVE" : ""))
  }

  static func attributes(
    _ mount: String, set: MountAttributes, clear: MountAttributes = [], isPrivate: Bool = false, recursive: Bool = false
  ) -> String {
    let cleared = clear.isEmpty ? "" : ", attr_clr=\(flags(clear.constants))"
    return call(
      "mount_setattr", mount, "\"\"", "AT_EMPTY_PATH" + (recursive ? "|AT_RECURSIVE" : ""),
      "{attr_set=\(flags(set.constants))\(cleared)\(isPrivate ? ", propagation=MS_PRIVATE" : "")}", "32")
  }

  /// The target was opened by Rooted, so that no path is resolved a second time.
  static func move(to target: Path, from mount: String = "<mount>", host: Bool = false) -> String {
    call(
      "move_mount", mount, "\"\"", host ? "<\(clean(target))>" : "<root:\(clean(target))>", "\"\"",
      "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH")
  }
}
