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
    guard let edits else { return }
    let known = ["env", "deviceNodes", "mounts", "hooks", "additionalGids"]
    if let other = edits.object?.keys.first(where: { !known.contains($0) }) {
      throw OptionError("\"\(other)\" is an edit that is not made here")
    }
    for entry in edits["env"]?.array ?? [] {
      guard let text = entry.string, text.contains("="), !text.hasPrefix("=") else {
        throw OptionError("an entry of env is not NAME=VALUE")
      }
      environment.append(text)
    }
    for node in edits["deviceNodes"]?.array ?? [] { devices.append(try Self.device(node)) }
    for mount in edits["mounts"]?.array ?? [] { mounts.append(try Self.mount(mount)) }
    for hook in edits["hooks"]?.array ?? [] { try add(hook: hook) }
    for group in edits["additionalGids"]?.array ?? [] {
      guard let number = group.integer.flatMap(UInt32.init(exactly:)) else { throw OptionError("a group is no number") }
      groups.append(number)
    }
  }

  /// What the file leaves out is as the host has it.
  private static func device(_ value: JSONValue) throws(OptionError) -> (node: Spec.Device, access: String) {
    let path = try absolute(value["path"], "path of a device")
    let source = value["hostPath"] == nil ? path : try absolute(value["hostPath"], "hostPath of a device")
    func number(_ key: String) -> UInt32? { value[key]?.integer.flatMap(UInt32.init(exactly:)) }
    let access = value["permissions"]?.string ?? "rwm"
    guard !access.isEmpty, access.allSatisfy("rwm".contains) else {
      throw OptionError("permissions \"\(access)\" are not some of r, w and m")
    }
    if let type = value["type"]?.string, !type.isEmpty, let major = number("major"), let minor = number("minor") {
      let node = Spec.Device(
        path: path, type: type, major: Int64(major), minor: Int64(minor), fileMode: number("fileMode"),
        uid: number("uid"), gid: number("gid"))
      return (node, access)
    }
    guard let status = try? status(of: Path(source)),
      status.kind == .characterDevice || status.kind == .blockDevice
    else { throw OptionError("\(source) is no device of this host") }
    let node = Spec.Device(
      path: path, type: status.kind == .blockDevice ? "b" : "c", major: Int64(status.device.major),
      minor: Int64(status.device.minor), fileMode: number("fileMode") ?? status.mode.rawValue,
      uid: number("uid") ?? status.owner, gid: number("gid") ?? status.group)
    return (node, access)
  }

  private static func mount(_ value: JSONValue) throws(OptionError) -> Spec.Mount {
    let source = try absolute(value["hostPath"], "hostPath of a mount")
    let target = try absolute(value["containerPath"], "containerPath of a mount")
    var options = (value["options"]?.array ?? []).compactMap(\.string)
    let type = value["type"]?.string ?? ""
    let isBind = type.isEmpty || type == "bind"
    if isBind, !options.contains("bind"), !options.contains("rbind") { options.insert("bind", at: 0) }
    return Spec.Mount(destination: target, type: isBind ? "bind" : type, source: source, options: options)
  }

  private mutating func add(hook value: JSONValue) throws(OptionError) {
    var hook = Spec.Hook(path: try Self.absolute(value["path"], "path of a hook"))
    hook.args = (value["args"]?.array ?? []).compactMap(\.string)
    hook.env = (value["env"]?.array ?? []).compactMap(\.string)
    hook.timeout = value["timeout"]?.integer.map { Int($0) }
    switch value["hookName"]?.string ?? "" {
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
