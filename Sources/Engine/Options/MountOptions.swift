internal import Arguments
package import Kernel

// `-v`, `--mount` and `--tmpfs`, as docker reads them.

extension MountRequest {
  /// `-v`: `SOURCE:TARGET[:OPTIONS]`, `NAME:TARGET[:OPTIONS]`, or a target alone for a volume without a name.
  ///
  /// - Parameter directory: what a source that begins with a dot starts from.
  package init(volume text: String, directory: Path) throws(OptionError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard (1...3).contains(parts.count), !parts.contains("") else {
      throw OptionError("expected SOURCE:TARGET[:OPTIONS] or TARGET")
    }
    if parts.count == 1 {
      self = .volume(name: nil, target: try mountTarget(parts[0]), options: [])
      return
    }
    var options = parts.count == 3 ? try volumeOptions(parts[2]) : []
    let target = try mountTarget(parts[1])
    if let source = hostPath(parts[0], directory) {
      if options.contains("nocopy") { throw OptionError("nocopy goes with a named volume, not with a directory") }
      self = .bind(source: source, target: target, options: options, createsSource: true)
    } else {
      // A volume's owners are shifted in any case.
      options.removeAll { $0 == "idmap" }
      self = .volume(name: try volumeName(parts[0]), target: target, options: options)
    }
  }

  /// `--tmpfs`: `TARGET[:OPTIONS]`.
  package init(tmpfs text: String) throws(OptionError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let options = parts.count > 1 && !parts[1].isEmpty ? parts[1].split(separator: ",").map(String.init) : []
    for option in options { try checkTmpfs(option) }
    self = .tmpfs(target: try mountTarget(parts[0]), options: options)
  }
}

/// A path of the host, or nil when the text is the name of a volume.
private func hostPath(_ text: String, _ directory: Path) -> Path? {
  if text.hasPrefix("/") { return Path(text).lexicallyNormal }
  if text == "." || text == ".." || text.hasPrefix("./") || text.hasPrefix("../") {
    return directory.appending(text).lexicallyNormal
  }
  return nil
}

func mountTarget(_ text: String) throws(OptionError) -> Path {
  guard text.hasPrefix("/") else { throw OptionError("the target \"\(text)\" is not an absolute path") }
  if hasControlCharacters(text) { throw OptionError("the target holds a control character") }
  let path = Path(text).lexicallyNormal
  if path.components.isEmpty { throw OptionError("the target cannot be \"/\"") }
  return path
}

private func volumeName(_ text: String) throws(OptionError) -> String {
  if isValidName(text) { return text }
  throw OptionError(
    "\"\(text)\" is no volume name: only letters, digits, _ . - are, after a letter or digit",
    suggestion: text.contains("/") ? "a directory of the host starts with / or ./" : nil)
}

/// Each of the groups at most once. What only changes how SELinux or a virtual machine sees the mount has no effect here.
private let volumeOptionGroups: [(names: [String], isKept: Bool)] = [
  (["ro", "rw"], true),
  (["private", "rprivate", "shared", "rshared", "slave", "rslave"], true),
  (["idmap"], true),
  (["nocopy"], true),
  (["z", "Z"], false),
  (["consistent", "cached", "delegated"], false),
]

private func volumeOptions(_ text: String) throws(OptionError) -> [String] {
  var kept: [String] = []
  var seen = Set<Int>()
  for option in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
    guard let group = volumeOptionGroups.firstIndex(where: { $0.names.contains(option) }) else {
      let near = nearest(to: option, in: volumeOptionGroups.flatMap(\.names))
      throw OptionError("unknown option \"\(option)\"", suggestion: near.map { "did you mean \($0)?" })
    }
    guard seen.insert(group).inserted else { throw OptionError("\"\(option)\" contradicts an option before it") }
    if volumeOptionGroups[group].isKept { kept.append(option) }
  }
  return kept + (kept.contains("ro") ? [readOnlyBelow] : [])
}

/// Docker since 25.0: read-only means what is mounted below too. Beside `ro` it is a wish, which a host without
/// mount_setattr(2) does not fulfil; alone it is an order.
private let readOnlyBelow = "rro"

private func checkTmpfs(_ option: String) throws(OptionError) {
  let flags = [
    "ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "sync", "async", "dirsync", "atime", "noatime",
    "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
  ]
  let keys = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"]
  let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
  if parts.count == 1, flags.contains(option) { return }
  guard parts.count == 2, keys.contains(parts[0]) else {
    let near = nearest(to: parts[0], in: flags + keys)
    throw OptionError("unknown tmpfs option \"\(option)\"", suggestion: near.map { "did you mean \($0)?" })
  }
  let isValid =
    switch parts[0] {
    case "mode": UInt32(parts[1], radix: 8).map { $0 <= 0o7777 } ?? false
    case "uid", "gid": UInt32(parts[1]) != nil
    // tmpfs takes a percentage of memory too.
    default:
      parseBytes(parts[1]) != nil || parts[1].hasSuffix("%") && UInt8(parts[1].dropLast()).map { $0 <= 100 } ?? false
    }
  if !isValid { throw OptionError("bad value in the tmpfs option \"\(option)\"") }
}

// MARK: - --mount

extension MountRequest {
  /// `--mount`: `type=bind,source=/a,target=/b,readonly`, in CSV, so that a field in quotes may hold a comma.
  package init(mount text: String, directory: Path) throws(OptionError) {
    var fields = MountFields()
    for field in try commaSeparated(text) { try fields.take(field) }
    self = try fields.request(directory)
  }
}

private struct MountFields {
  var type = "volume"
  var source: String?
  var target: String?
  var isReadOnly = false
  var recursion = Recursion.enabled
  var options: [String] = []
  /// The keys that belong to one type only, as they were given.
  var special: [String] = []

  /// `bind-recursive`
  enum Recursion: String, CaseIterable {
    /// What is mounted below comes along, and is read-only where that can be done.
    case enabled
    /// What is mounted below stays out.
    case disabled
    /// It comes along and stays writable.
    case writable
    /// It comes along and is read-only, or the start fails.
    case readonly
  }

  private static let keys = [
    "type", "source", "target", "readonly", "bind-propagation", "bind-recursive", "bind-nonrecursive", "tmpfs-size",
    "tmpfs-mode", "volume-nocopy", "consistency", "idmap",
  ]

  mutating func take(_ field: String) throws(OptionError) {
    let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let key = parts[0].lowercased()
    let value = parts.count > 1 ? parts[1] : nil
    switch key {
    case "readonly", "ro":
      guard let on = parseBoolean(value ?? "true") else { throw OptionError("\(key) is true or false") }
      isReadOnly = on
      return
    case "idmap":
      guard let on = parseBoolean(value ?? "true") else { throw OptionError("\(key) is true or false") }
      if on { options.append("idmap") }
      return
    case "bind-nonrecursive", "volume-nocopy":
      guard let on = parseBoolean(value ?? "true") else { throw OptionError("\(key) is true or false") }
      special.append(key)
      if on && key == "volume-nocopy" { options.append("nocopy") }
      if on && key == "bind-nonrecursive" { recursion = .disabled }
      return
    default: break
    }
    guard let value, !value.isEmpty else {
      if MountFields.keys.contains(key) || ["src", "dst", "destination"].contains(key) {
        throw OptionError("\(key) needs a value: \(key)=…")
      }
      throw unknown(key)
    }
    switch key {
    case "type": type = value.lowercased()
    case "source", "src": source = value
    case "target", "destination", "dst": target = value
    case "bind-propagation":
      special.append(key)
      guard ["private", "rprivate", "shared", "rshared", "slave", "rslave"].contains(value) else {
        throw OptionError("bind-propagation is private, rprivate, shared, rshared, slave or rslave")
      }
      options.append(value)
    case "bind-recursive":
      special.append(key)
      guard let given = Recursion(rawValue: value) else {
        throw OptionError("bind-recursive is enabled, disabled, writable or readonly")
      }
      recursion = given
    case "tmpfs-size", "tmpfs-mode":
      special.append(key)
      let option = "\(key.dropFirst(6))=\(value)"
      try checkTmpfs(option)
      // The kernel knows no unit after k, m and g, and docker's may have two letters.
      options.append(key == "tmpfs-size" ? parseBytes(value).map { "size=\($0)" } ?? option : option)
    case "consistency":
      guard ["default", "consistent", "cached", "delegated"].contains(value) else {
        throw OptionError("consistency is default, consistent, cached or delegated")
      }
    default: throw unknown(key)
    }
  }

  private func unknown(_ key: String) -> OptionError {
    let near = nearest(to: key, in: MountFields.keys)
    return OptionError("unknown key \"\(key)\"", suggestion: near.map { "did you mean \($0)?" })
  }

  func request(_ directory: Path) throws(OptionError) -> MountRequest {
    guard let target else { throw OptionError("target is required") }
    let place = try mountTarget(target)
    if let foreign = special.first(where: { !$0.hasPrefix(type + "-") }) {
      throw OptionError("\(foreign) does not go with type=\(type)")
    }
    if type == "tmpfs", options.contains("idmap") { throw OptionError("idmap does not go with type=tmpfs") }
    let options = try options + readOnlyOptions()
    switch type {
    case "bind":
      guard let source else { throw OptionError("a bind mount needs a source") }
      guard let path = hostPath(source, directory) else {
        throw OptionError("the source \"\(source)\" is not a path", suggestion: "a path starts with / or ./")
      }
      return .bind(source: path, target: place, options: options, createsSource: false)
    case "volume":
      return .volume(name: try source.map(volumeName), target: place, options: options.filter { $0 != "idmap" })
    case "tmpfs":
      if source != nil { throw OptionError("a tmpfs has no source") }
      return .tmpfs(target: place, options: options)
    default:
      let near = nearest(to: type, in: ["bind", "volume", "tmpfs"])
      throw OptionError(
        "unknown type \"\(type)\": expected bind, volume or tmpfs", suggestion: near.map { "did you mean \($0)?" })
    }
  }

  private func readOnlyOptions() throws(OptionError) -> [String] {
    if (recursion == .writable || recursion == .readonly) && !isReadOnly {
      throw OptionError("bind-recursive=\(recursion.rawValue) needs readonly beside it")
    }
    if recursion == .readonly && !options.contains("rprivate") {
      throw OptionError("bind-recursive=readonly needs bind-propagation=rprivate beside it")
    }
    let shape = recursion == .disabled ? ["bind"] : []
    if !isReadOnly { return shape }
    switch recursion {
    case .enabled: return type == "tmpfs" ? ["ro"] : ["ro", readOnlyBelow]
    case .disabled, .writable: return shape + ["ro"]
    case .readonly: return [readOnlyBelow]
    }
  }

  private func volumeName(_ text: String) throws(OptionError) -> String {
    if isValidName(text) { return text }
    throw OptionError(
      "\"\(text)\" is no volume name", suggestion: text.contains("/") ? "a directory needs type=bind" : nil)
  }
}

/// The fields of one CSV line (RFC 4180): a field in double quotes may hold commas, and quotes as two.
func commaSeparated(_ text: String) throws(OptionError) -> [String] {
  var fields: [String] = []
  var field = ""
  var (isQuoted, wasQuoted) = (false, false)
  var rest = Substring(text)
  while let character = rest.popFirst() {
    switch character {
    case "\"" where isQuoted:
      if rest.first == "\"" {
        field.append("\"")
        rest.removeFirst()
      } else {
        (isQuoted, wasQuoted) = (false, true)
      }
    case "\"" where field.isEmpty && !wasQuoted: isQuoted = true
    case "," where !isQuoted:
      fields.append(field)
      (field, wasQuoted) = ("", false)
    default:
      if wasQuoted { throw OptionError("there is text after a closing quote") }
      field.append(character)
    }
  }
  if isQuoted { throw OptionError("a quote is not closed") }
  fields.append(field)
  if fields.contains("") { throw OptionError("expected KEY=VALUE with commas between") }
  return fields
}
