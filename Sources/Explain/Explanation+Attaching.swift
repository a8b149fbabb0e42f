internal import Kernel
internal import Steps

extension Explanation {
  /// The steps that attach a file system or a part of one somewhere below the new root.
  init(ofAttachingStep step: MountStep) {
    switch step {
    case .mountOverlay(let overlay): self.init(mounting: overlay)
    case .bindRoot(let path):
      self.init(
        name: "mount.bindRoot",
        sentence: "Take the directory \(Trace.clean(path)) as the container's root, as a mount of its own.",
        calls: [
          Trace.tree(path, recursive: true, root: false), Trace.move(to: path, from: "<tree>", host: true),
        ],
        shell: ["mount --rbind \(ShellWord(path)) \"$root\""])
    case .mount(let mount): self.init(mounting: mount)
    case .bind(let bind): self.init(binding: bind)
    case .mountCgroups(let mount): self.init(mounting: mount)
    default: self.init(name: "mount", sentence: "", calls: [], shell: [])
    }
  }

  private init(mounting overlay: OverlayMount) {
    if overlay.upper == nil, overlay.lower.count == 1 {
      self.init(bindingLayer: overlay.lower[0], at: overlay.target)
      return
    }
    var options = ["lowerdir=" + overlay.lower.map(\.overlayEscaped).joined(separator: ":")]
    var settings = [("source", "overlay")] + overlay.lower.map { ("lowerdir+", $0.string) }
    if let upper = overlay.upper, let work = overlay.work {
      options += ["upperdir=" + upper.overlayEscaped, "workdir=" + work.overlayEscaped]
      settings += [("upperdir", upper.string), ("workdir", work.string)]
    }
    // What would make a layer depend on other files than its own is off, whatever the distribution's default.
    let plain = [("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off"), ("xino", "off")]
    options += plain.map { $0.0 + "=" + $0.1 }
    settings += plain
    if overlay.isVolatile { options.append("volatile") }
    if overlay.usesUserAttributes { options.append("userxattr") }
    let flags = (overlay.isVolatile ? ["volatile"] : []) + (overlay.usesUserAttributes ? ["userxattr"] : [])
    let layers = overlay.lower.count == 1 ? "the image's layer" : "the image's \(overlay.lower.count) layers"
    self.init(
      name: "mount.mountOverlay",
      sentence: overlay.upper == nil
        ? "Lay \(layers) over each other as one read-only tree: the container's root."
        : "Lay \(layers) over each other as one tree, with an empty directory on top that takes every change: "
          + "the image itself is never written.",
      calls: Trace.mounting(type: "overlay", settings: settings, flags: flags, attributes: [])
        + [Trace.move(to: overlay.target, host: true)],
      shell: [
        command("mount -t overlay overlay -o", ShellWord(options.joined(separator: ",")).description, "\"$root\"")
      ])
  }

  /// One layer and nothing above it needs no overlay.
  private init(bindingLayer layer: Path, at target: Path) {
    self.init(
      name: "mount.mountOverlay",
      sentence: "Take the image's layer as it is, read-only: the container's root.",
      calls: [
        Trace.tree(layer, recursive: false, root: false), Trace.attributes("<tree>", set: .readOnly),
        Trace.move(to: target, from: "<tree>", host: true),
      ],
      shell: ["mount --bind \(ShellWord(layer)) \"$root\"", remount("\"$root\"", [.readOnly])])
  }

  private init(mounting mount: FileSystemMount) {
    let target = ShellWord.inRoot(mount.target)
    // `mount -o ro` would make the file system itself read-only; here it is this one mount of it.
    let attributes = mount.attributes.subtracting(.readOnly)
    let options = (attributes.names + mount.options.map(\.mountWord)).joined(separator: ",")
    // An empty file system has the mode of what it covers.
    let coversMode = mount.type == "tmpfs" && !mount.options.contains { $0.string.hasPrefix("mode=") }
    let mode = coversMode ? "mode=$(stat -c %a \(target))" : ""
    let all = [options.isEmpty ? "" : ShellWord(options).description, mode].filter { !$0.isEmpty }.joined(
      separator: ",")
    let words = command(
      "mount -t", ShellWord(mount.type).description, all.isEmpty ? "" : "-o \(all)",
      ShellWord(mount.source.isEmpty ? mount.type : mount.source).description)
    var shell = ["mkdir -p \(target)"]
    if mount.copiesUp {
      shell += [
        "mkdir -p \"$work\"/copy", "\(words) \"$work\"/copy", "cp -a \(target)/. \"$work\"/copy/",
        "mount --move \"$work\"/copy \(target)",
      ]
    } else {
      shell.append("\(words) \(target)")
    }
    if mount.attributes.contains(.readOnly) { shell.append(remount(target, .readOnly)) }
    if let propagation = mount.propagation { shell.append("mount --make-\(propagation.name) \(target)") }
    let pairs = mount.options.map { option -> (String, String)? in
      let parts = option.string.split(separator: "=", maxSplits: 1).map(String.init)
      return parts.count == 2 ? (parts[0], parts[1]) : nil
    }
    let flags = mount.options.map(\.string).filter { !$0.contains("=") }
    self.init(
      name: "mount.mount",
      sentence: Self.meaning(of: mount.type, at: mount.target),
      calls: Trace.mounting(
        type: mount.type,
        settings: [("source", (mount.source.isEmpty ? mount.type : mount.source).string)] + pairs.compactMap { $0 },
        flags: flags,
        attributes: mount.attributes) + [Trace.move(to: mount.target)],
      shell: shell)
  }

  private static func meaning(of type: Path, at target: Path) -> String {
    let place = Trace.clean(target)
    return switch type.string {
    case "proc": "Mount the kernel's view of processes at \(place): of this container's processes only."
    case "sysfs": "Mount the kernel's view of devices at \(place)."
    case "devpts": "Mount pseudo terminals of the container's own at \(place)."
    case "mqueue": "Mount message queues of the container's own at \(place)."
    case "tmpfs" where target.string == "/dev":
      "Mount an empty file system in memory at \(place): only the devices that are made next exist in here."
    case "tmpfs" where target.string == "/dev/shm": "Mount memory that processes of this container share at \(place)."
    case "tmpfs": "Mount a file system in memory at \(place): what is written there is gone afterwards."
    case "cgroup2", "cgroup": "Mount the container's own control groups at \(place)."
    default: "Mount a new \(Trace.clean(type)) file system at \(place)."
    }
  }

  private init(binding bind: BindMount) {
    if !bind.layers.isEmpty {
      self.init(showing: bind)
      return
    }
    let whole = bind.subpath.map { bind.source.appending($0) } ?? bind.source
    let (source, target) = (ShellWord(whole), ShellWord.inRoot(bind.target))
    var shell = [
      "if [ -d \(source) ]; then mkdir -p \(target); "
        + "else mkdir -p \(ShellWord.inRoot(bind.target.parent)); [ -e \(target) ] || : > \(target); fi",
      "mount \(bind.isRecursive ? "--rbind" : "--bind") \(source) \(target)",
    ]
    if !bind.set.isEmpty || !bind.clear.isEmpty { shell.append(remount(target, bind.set, clearing: bind.clear)) }
    if !bind.setRecursively.isEmpty || !bind.clearRecursively.isEmpty {
      let one = remount("\"$mount\"", bind.setRecursively, clearing: bind.clearRecursively)
      shell.append("findmnt -nrRo TARGET -M \(target) | while read -r mount; do \(one); done")
    }
    if let propagation = bind.propagation {
      shell.append("mount --make-\(bind.propagatesRecursively ? "r" : "")\(propagation.name) \(target)")
    }
    var calls = [Trace.tree(whole, recursive: bind.isRecursive, root: false)]
    if !bind.set.isEmpty || !bind.clear.isEmpty {
      calls.append(Trace.attributes("<tree>", set: bind.set, clear: bind.clear))
    }
    if !bind.setRecursively.isEmpty || !bind.clearRecursively.isEmpty {
      calls.append(
        Trace.attributes("<tree>", set: bind.setRecursively, clear: bind.clearRecursively, recursive: true))
    }
    self.init(
      name: "mount.bind",
      sentence: "Show \(Trace.clean(whole)) of the host at \(Trace.clean(bind.target))"
        + (bind.set.contains(.readOnly) || bind.setRecursively.contains(.readOnly) ? ", read-only." : "."),
      calls: calls + [Trace.move(to: bind.target, from: "<tree>")], shell: shell)
  }

  /// The layers of an image. Where only a part is asked for, the shell mounts all of it aside first.
  private init(showing image: BindMount) {
    let target = ShellWord.inRoot(image.target)
    let isOne = image.layers.count == 1
    let options = "ro,lowerdir=" + image.layers.map(\.overlayEscaped).joined(separator: ":")
    func mount(on place: String) -> [String] {
      isOne
        ? ["mount --bind \(ShellWord(image.layers[0])) \(place)", remount(place, .readOnly)]
        : ["mount -t overlay overlay -o \(ShellWord(options)) \(place)"]
    }
    let part = image.subpath.map { " (\(Trace.clean($0)) of it)" } ?? ""
    var shell = ["mkdir -p \(target)"]
    if let subpath = image.subpath {
      shell += ["image=$(mktemp -d)"] + mount(on: "\"$image\"")
      shell += ["mount --bind \"$image\"/\(ShellWord(subpath)) \(target)", "umount -l \"$image\"; rmdir \"$image\""]
    } else {
      shell += mount(on: target)
    }
    let layers = image.layers.map { ("lowerdir+", $0.string) }
    let calls =
      isOne
      ? [
        Trace.tree(image.layers[0], recursive: false, root: false),
        Trace.attributes("<tree>", set: .readOnly, clear: []),
      ]
      : Trace.mounting(type: "overlay", settings: [("source", "overlay")] + layers, flags: [], attributes: .readOnly)
    self.init(
      name: "mount.bind",
      sentence: "Show the \(isOne ? "layer" : "\(image.layers.count) layers") of another image\(part) at "
        + "\(Trace.clean(image.target)), read-only.",
      calls: calls + [isOne ? Trace.move(to: image.target, from: "<tree>") : Trace.move(to: image.target)], shell: shell
    )
  }

  private init(mounting mount: CgroupMount) {
    let target = ShellWord.inRoot(mount.target)
    let flags: MountAttributes = [.noSetUserId, .noDevices, .noExecute]
    let attributes = mount.isReadOnly ? flags.union(.readOnly) : flags
    var shell = ["mkdir -p \(target)", "mount -t tmpfs -o nosuid,nodev,noexec,mode=755 tmpfs \(target)"]
    var calls = Trace.mounting(type: "tmpfs", settings: [("mode", "755")], flags: [], attributes: flags)
    calls.append(Trace.move(to: mount.target))
    for hierarchy in mount.hierarchies {
      let place = "\(target)/\(ShellWord(hierarchy.name))"
      shell.append("mkdir \(place)")
      calls.append(Trace.call("mkdirat", "<cgroup>", Trace.path(hierarchy.name), "0755"))
      if let source = hierarchy.source {
        shell += ["mount --bind --make-private \(ShellWord(source)) \(place)", remount(place, attributes)]
        calls += [
          Trace.tree(source, recursive: false, root: false),
          Trace.attributes("<tree>", set: attributes, isPrivate: true),
          Trace.move(to: mount.target.appending(hierarchy.name), from: "<tree>"),
        ]
      } else {
        let type: Path = hierarchy.isV2 ? "cgroup2" : "cgroup"
        let options = hierarchy.options.isEmpty ? [] : [hierarchy.options.string]
        let words = (attributes.names + options).joined(separator: ",")
        shell.append("mount -t \(type) -o \(ShellWord(words)) cgroup \(place)")
        calls += Trace.mounting(type: type, settings: [], flags: options, attributes: attributes)
        calls.append(Trace.move(to: mount.target.appending(hierarchy.name)))
      }
      let parts = hierarchy.name.string.split(separator: ",")
      for part in parts where parts.count > 1 {
        shell.append("ln -s \(ShellWord(hierarchy.name)) \(target)/\(ShellWord(String(part)))")
        calls.append(Trace.call("symlinkat", Trace.path(hierarchy.name), "<cgroup>", Trace.string(String(part))))
      }
    }
    if mount.isReadOnly {
      shell.append(remount(target, .readOnly))
      calls.append(Trace.attributes("<cgroup>", set: .readOnly))
    }
    self.init(
      name: "mount.mountCgroups",
      sentence:
        "Mount the container's own control groups at \(Trace.clean(mount.target)), one directory for each controller"
        + (mount.isReadOnly ? ", read-only: a container may see its limits, not lift them." : "."),
      calls: calls, shell: shell)
  }
}

extension Trace {
  /// The calls of the new mount API that make one detached mount.
  static func mounting(
    type: Path, settings: [(String, String)], flags: [String], attributes: MountAttributes
  ) -> [String] {
    var calls = [call("fsopen", path(type), "FSOPEN_CLOEXEC")]
    let context = "<\(clean(type))>"
    for (key, value) in settings {
      calls.append(call("fsconfig", context, "FSCONFIG_SET_STRING", string(key), string(value), "0"))
    }
    for flag in flags { calls.append(call("fsconfig", context, "FSCONFIG_SET_FLAG", string(flag), "NULL", "0")) }
    calls.append(call("fsconfig", context, "FSCONFIG_CMD_CREATE", "NULL", "NULL", "0"))
    calls.append(call("fsmount", context, "FSMOUNT_CLOEXEC", self.flags(attributes.constants)))
    return calls
  }
}

extension Path {
  /// An option as mount(8) has it: a SELinux label has commas, and goes in quotation marks then.
  var mountWord: String {
    guard string.hasPrefix("context="), string.utf8.contains(UInt8(ascii: ",")) else { return string }
    return "context=\"\(string.dropFirst(8))\""
  }

  /// In the options of mount(8) a colon separates layers and a comma options; overlayfs takes a backslash before either.
  fileprivate var overlayEscaped: String {
    string.reduce(into: "") { text, character in
      if character == ":" || character == "," || character == "\\" { text.append("\\") }
      text.append(character)
    }
  }
}
