internal import Arguments
package import Kernel
package import Steps

extension SecurityRequest {
  /// One `--security-opt`: `no-new-privileges`, `seccomp=…`, `systempaths=unconfined`, `apparmor=…`, `label=…`,
  /// `writable-cgroups=…`; what would turn off a module that Skiff does not use by itself is taken and changes nothing.
  package mutating func take(_ text: String, directory: Path) throws(OptionError) {
    try read(text, directory: directory)
    words.append(text)
  }

  private mutating func read(_ text: String, directory: Path) throws(OptionError) {
    let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "=" || $0 == ":" }.map(String.init)
    let value = parts.count > 1 ? parts[1] : nil
    switch (parts[0], value) {
    case ("no-new-privileges", nil): noNewPrivileges = true
    case ("no-new-privileges", let value?):
      guard let on = parseBoolean(value) else { throw OptionError("no-new-privileges is true or false") }
      noNewPrivileges = on
    case ("seccomp", "unconfined"): seccomp = .unconfined
    case ("seccomp", "builtin"): seccomp = .standard
    case ("seccomp", let file?) where !file.isEmpty:
      seccomp = .file(file.hasPrefix("/") ? Path(file) : directory.appending(file).lexicallyNormal)
    case ("systempaths", "unconfined"): pathsAreOpen = true
    case ("apparmor", "unconfined"): apparmor = nil
    case ("apparmor", let profile?) where !profile.isEmpty && !hasControlCharacters(profile): apparmor = profile
    case ("label", "disable"): label = nil
    case ("label", let part?): label = try (label ?? LabelRequest()).with(part)
    case ("writable-cgroups", let value):
      guard let on = parseBoolean(value ?? "true") else { throw OptionError("writable-cgroups is true or false") }
      groupsAreWritable = on
    default:
      let names = ["no-new-privileges", "seccomp", "systempaths", "apparmor", "label", "writable-cgroups"]
      let near = nearest(to: parts[0], in: names).flatMap { $0 == parts[0] ? nil : $0 }
      throw OptionError(
        "expected no-new-privileges, seccomp=unconfined|FILE, systempaths=unconfined, apparmor=PROFILE, label=…"
          + " or writable-cgroups",
        suggestion: near.map { "did you mean \($0)?" })
    }
  }
}

/// `--security-opt label=…`: an SELinux label in the place of the one that containers usually have.
package struct LabelRequest: Hashable, Sendable {
  private var user = "system_u"
  private var role = "system_r"
  private var type = "container_t"
  private var fileType = "container_file_t"
  private var level = "s0"
  package init() {}

  /// `user:U`, `role:R`, `type:T`, `level:L` or `filetype:T`.
  func with(_ part: String) throws(OptionError) -> LabelRequest {
    var label = self
    let name = part.prefix { $0 != ":" }
    let value = String(part.dropFirst(name.count + 1))
    let isFine = value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
    guard !value.isEmpty, isFine else {
      throw OptionError("expected label=disable, or label=user:, role:, type:, level: or filetype: with a name")
    }
    switch name {
    case "user": label.user = value
    case "role": label.role = value
    case "type": label.type = value
    case "level": label.level = value
    case "filetype": label.fileType = value
    default: throw OptionError("\"\(name)\" is no part of a label: user, role, type, level and filetype are")
    }
    return label
  }

  var process: String { "\(user):\(role):\(type):\(level)" }
  var file: String { "\(user):object_r:\(fileType):\(level)" }
}

extension DeviceRequest {
  /// `--device`: `HOST[:CONTAINER[:rwm]]`; the part in the middle may be left out as in `/dev/x:r`.
  package init(_ text: String) throws(OptionError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    func isAccess(_ text: String) -> Bool {
      !text.isEmpty && text.allSatisfy("rwm".contains) && Set(text).count == text.count
    }
    guard (1...3).contains(parts.count), parts[0].hasPrefix("/") else {
      throw OptionError("expected HOST[:CONTAINER[:rwm]], such as /dev/fuse")
    }
    var (target, access) = (parts[0], "rwm")
    if parts.count == 2, isAccess(parts[1]) {
      access = parts[1]
    } else if parts.count >= 2 {
      target = parts[1]
    }
    if parts.count == 3 { access = parts[2] }
    guard isAccess(access) else { throw OptionError("the access is some of r, w and m (mknod), each once") }
    self.init(source: Path(parts[0]).lexicallyNormal, target: try mountTarget(target), access: access)
  }
}

extension IdentifierMap {
  /// `--uidmap`: `CONTAINER:HOST:COUNT`.
  package init(option text: String) throws(OptionError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { $0.utf8.first == UInt8(ascii: "+") ? nil : UInt32($0) }
    guard parts.count == 3, numbers.count == 3, numbers[2] > 0 else {
      throw OptionError("expected CONTAINER:HOST:COUNT, such as 0:100000:65536")
    }
    // The last number, 2^32 - 1, means "nobody" to the kernel.
    for start in numbers[..<2] where UInt64(start) + UInt64(numbers[2]) > UInt64(UInt32.max) {
      throw OptionError("the range ends above 4294967294")
    }
    self.init(container: numbers[0], host: numbers[1], count: numbers[2])
  }
}

extension UserNamespaceRequest {
  /// `--userns`, `--uidmap` and `--gidmap` together; nil is the host's user namespace. One map alone serves for both.
  package init?(mode: String?, users: [IdentifierMap], groups: [IdentifierMap]) throws(OptionError) {
    switch mode {
    case nil, "auto", "private": break
    case "host"?, ""?:
      if users.isEmpty && groups.isEmpty { return nil }
      throw OptionError("--userns=host has no id maps: leave out --uidmap and --gidmap")
    case let mode?: throw OptionError("expected host or auto, not \"\(mode)\"")
    }
    if users.isEmpty && groups.isEmpty {
      if mode == nil { return nil }
      // Where shadow-utils begin to give out subordinate ids.
      let usual = [IdentifierMap(container: 0, host: 100_000, count: 65_536)]
      self.init(users: usual, groups: usual)
      return
    }
    self.init(users: users.isEmpty ? groups : users, groups: groups.isEmpty ? users : groups)
    guard self.users.contains(where: { $0.container == 0 }), self.groups.contains(where: { $0.container == 0 }) else {
      throw OptionError("the maps must give the container an id 0, which owns its root")
    }
  }
}
