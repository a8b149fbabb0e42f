internal import JSON
internal import Kernel
internal import RuntimeSpec

/// `containerEdits` of CDI: what a device needs in a container.
struct ContainerEdits {
  private var environment: [String] = []
  private var devices: [(node: Spec.Device, access: String)] = []
  private var mounts: [Spec.Mount] = []
  private var hooks = Spec.Hooks()
  private var groups: [UInt32] = []

  mutating func add(_ edits: JSONValue?) throws(OptionError) {
    guard let edits, !edits.isNull else { return }
    guard let members = edits.object else { throw OptionError("containerEdits is no object") }
    let known = ["env", "deviceNodes", "mounts", "hooks", "additionalGids"]
    if let other = members.keys.first(where: { !known.contains($0) }) {
      throw OptionError("\"\(other)\" is an edit that is not made here")
    }
    environment += try Self.variables(edits["env"], "env")
    for node in try Self.list(edits["deviceNodes"], "deviceNodes") { devices.append(try Self.device(node)) }
    for mount in try Self.list(edits["mounts"], "mounts") { mounts.append(try Self.mount(mount)) }
    for hook in try Self.list(edits["hooks"], "hooks") { try add(hook: hook) }
    for group in try Self.list(edits["additionalGids"], "additionalGids") {
      guard let number = group.integer, (0...Int64(Int32.max)).contains(number) else {
        throw OptionError("an entry of additionalGids is no group")
      }
      // As the specification has it: 0 is what a file without a group says.
      if number != 0 { groups.append(UInt32(number)) }
    }
  }

  // MARK: - What must not be passed over: an edit that is missing in silence is a device that half works

  private static func list(_ value: JSONValue?, _ key: String) throws(OptionError) -> [JSONValue] {
    guard let value, !value.isNull else { return [] }
    guard let list = value.array else { throw OptionError("\(key) is no list") }
    return list
  }

  private static func texts(_ value: JSONValue?, _ key: String) throws(OptionError) -> [String] {
    var texts: [String] = []
    for entry in try list(value, key) {
      guard let text = entry.string, !text.utf8.contains(0) else { throw OptionError("an entry of \(key) is no text") }
      texts.append(text)
    }
    return texts
  }

  private static func variables(_ value: JSONValue?, _ key: String) throws(OptionError) -> [String] {
    let texts = try texts(value, key)
    guard texts.allSatisfy({ $0.contains("=") && !$0.hasPrefix("=") }) else {
      throw OptionError("an entry of \(key) is not NAME=VALUE")
    }
    return texts
  }

  private static func text(_ value: JSONValue?, _ key: String) throws(OptionError) -> String {
    guard let value, !value.isNull else { return "" }
    guard let text = value.string else { throw OptionError("\(key) is no text") }
    return text
  }

  private static func number(_ value: JSONValue?, _ key: String, most: Int64) throws(OptionError) -> UInt32? {
    guard let value, !value.isNull else { return nil }
    guard let number = value.integer, (0...most).contains(number) else {
      throw OptionError("\(key) is no number from 0 to \(most)")
    }
    return UInt32(number)
  }

  /// What the file leaves out is as the host has it.
  private static func device(_ value: JSONValue) throws(OptionError) -> (node: Spec.Device, access: String) {
    let path = try absolute(value["path"], "path of a device")
    let source = value["hostPath"] == nil ? path : try absolute(value["hostPath"], "hostPath of a device")
    let access = value["permissions"] == nil ? "rwm" : try text(value["permissions"], "permissions")
    guard !access.isEmpty, access.allSatisfy("rwm".contains) else {
      throw OptionError("permissions \"\(access)\" are not some of r, w and m")
    }
    let type = try text(value["type"], "type")
    guard ["", "b", "c", "u"].contains(type) else { throw OptionError("type \"\(type)\" is none of b, c and u") }
    let (major, minor) = (
      try number(value["major"], "major", most: 0xfff), try number(value["minor"], "minor", most: 0xfffff)
    )
    let mode = try number(value["fileMode"], "fileMode", most: 0o7777)
    let (user, group) = (
      try number(value["uid"], "uid", most: Int64(Int32.max)), try number(value["gid"], "gid", most: Int64(Int32.max))
    )
    if !type.isEmpty, let major, let minor, (major, minor) != (0, 0) {
      let node = Spec.Device(
        path: path, type: type, major: Int64(major), minor: Int64(minor), fileMode: mode, uid: user, gid: group)
      return (node, access)
    }
    guard let status = try? status(of: Path(source)),
      status.kind == .characterDevice || status.kind == .blockDevice
    else { throw OptionError("\(source) is no device of this host") }
    let node = Spec.Device(
      path: path, type: status.kind == .blockDevice ? "b" : "c", major: Int64(status.device.major),
      minor: Int64(status.device.minor), fileMode: mode ?? status.mode.rawValue, uid: user ?? status.owner,
      gid: group ?? status.group)
    return (node, access)
  }

  private static func mount(_ value: JSONValue) throws(OptionError) -> Spec.Mount {
    let target = try absolute(value["containerPath"], "containerPath of a mount")
    guard Path(target).lexicallyNormal != "/" else {
      throw OptionError("the containerPath of a mount is the container's root")
    }
    var options = try texts(value["options"], "options of a mount")
    let type = try text(value["type"], "type of a mount")
    let isBind = type.isEmpty || type == "bind" || type == "none"
    let source =
      isBind ? try absolute(value["hostPath"], "hostPath of a mount") : try text(value["hostPath"], "hostPath")
    if isBind, !options.contains("bind"), !options.contains("rbind") { options.insert("bind", at: 0) }
    return Spec.Mount(destination: target, type: isBind ? "bind" : type, source: source, options: options)
  }

  private mutating func add(hook value: JSONValue) throws(OptionError) {
    var hook = Spec.Hook(path: try Self.absolute(value["path"], "path of a hook"))
    hook.args = try Self.texts(value["args"], "args of a hook")
    hook.env = try Self.variables(value["env"], "env of a hook")
    hook.timeout = try Self.number(value["timeout"], "timeout of a hook", most: 86_400).map(Int.init)
    if hook.timeout == 0 { hook.timeout = nil }
    switch try Self.text(value["hookName"], "hookName") {
    case "prestart": hooks.prestart.append(hook)
    case "createRuntime": hooks.createRuntime.append(hook)
    case "createContainer": hooks.createContainer.append(hook)
    case "startContainer": hooks.startContainer.append(hook)
    case let name: throw OptionError("hooks \"\(name)\" are not called for containers of the engine")
    }
  }

  private static func absolute(_ value: JSONValue?, _ what: String) throws(OptionError) -> String {
    guard let text = value?.string, text.hasPrefix("/"), !text.utf8.contains(0) else {
      throw OptionError("the \(what) is no absolute path")
    }
    return text
  }

  /// Onto the configuration that the request alone led to.
  func apply(to spec: inout Spec) throws(Failure) {
    for entry in environment {
      let name = String(entry.prefix { $0 != "=" }) + "="
      spec.process?.env.removeAll { $0.hasPrefix(name) }
      spec.process?.env.append(entry)
    }
    for (node, access) in devices {
      spec.linux?.devices.removeAll { $0.path == node.path }
      spec.linux?.devices.append(node)
      spec.linux?.resources?.devices.append(
        Spec.DeviceRule(allow: true, type: node.type, major: node.major, minor: node.minor, access: access))
    }
    spec.mounts += mounts
    spec.hooks.prestart += hooks.prestart
    spec.hooks.createRuntime += hooks.createRuntime
    spec.hooks.createContainer += hooks.createContainer
    spec.hooks.startContainer += hooks.startContainer
    let present = Set(spec.process?.user.additionalGids ?? [])
    spec.process?.user.additionalGids += groups.filter { !present.contains($0) }
  }
}
