internal import Arguments
internal import Containers
package import Kernel

// `--mount`, as docker reads it.

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
  var createsSource = false
  var subpath = ""
  var driverOptions: [String: String] = [:]
  var labels: [String: String] = [:]

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
    "type", "source", "target", "readonly", "bind-propagation", "bind-recursive", "bind-nonrecursive",
    "bind-create-src",
    "tmpfs-size", "tmpfs-mode", "volume-nocopy", "volume-subpath", "volume-driver", "volume-opt", "volume-label",
    "image-subpath", "consistency", "idmap", "chown", "U",
  ]

  private static let switches: Set = [
    "readonly", "ro", "chown", "u", "idmap", "bind-nonrecursive", "volume-nocopy", "bind-create-src",
  ]

  mutating func take(_ field: String) throws(OptionError) {
    let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let key = parts[0].lowercased()
    let value = parts.count > 1 ? parts[1] : nil
    if try takeSwitch(key, value ?? "true") { return }
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
    case "volume-subpath", "image-subpath":
      special.append(key)
      subpath = try relativePath(value, key)
    case "volume-driver":
      special.append(key)
      guard value == "local" else { throw OptionError("there is no volume driver \"\(value)\": only local") }
    case "volume-opt", "volume-label":
      special.append(key)
      let pair = value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard !pair[0].isEmpty else { throw OptionError("\(key) is NAME=VALUE") }
      let text = pair.count > 1 ? pair[1] : ""
      if key == "volume-opt" { driverOptions[pair[0]] = text } else { labels[pair[0]] = text }
    case "consistency":
      guard ["default", "consistent", "cached", "delegated"].contains(value) else {
        throw OptionError("consistency is default, consistent, cached or delegated")
      }
    default: throw unknown(key)
    }
  }

  /// Those that are true or false, and true by their name alone. False where the key is none of them.
  private mutating func takeSwitch(_ key: String, _ value: String) throws(OptionError) -> Bool {
    guard MountFields.switches.contains(key) else { return false }
    guard let on = parseBoolean(value) else { throw OptionError("\(key) is true or false") }
    switch key {
    case "readonly", "ro": isReadOnly = on
    case "chown", "u": if on { options.append("U") }
    case "idmap": if on { options.append("idmap") }
    default:
      special.append(key)
      if on && key == "volume-nocopy" { options.append("nocopy") }
      if on && key == "bind-nonrecursive" { recursion = .disabled }
      if on && key == "bind-create-src" { createsSource = true }
    }
    return true
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
    var request = MountRequest(.tmpfs, form: .mount, target: place, options: options)
    (request.createsSource, request.subpath) = (createsSource, subpath)
    (request.driverOptions, request.labels) = (driverOptions, labels)
    switch type {
    case "bind":
      guard let source else { throw OptionError("a bind mount needs a source") }
      guard let path = hostPath(source, directory) else {
        throw OptionError("the source \"\(source)\" is not a path", suggestion: "a path starts with / or ./")
      }
      request.what = .bind(path)
    case "volume":
      request.what = .volume(try source.map(volumeName))
      request.options.removeAll { $0 == "idmap" }
    case "tmpfs":
      if source != nil { throw OptionError("a tmpfs has no source") }
      if options.contains("U") { throw OptionError("chown does not go with type=tmpfs") }
    case "image":
      guard let source else { throw OptionError("an image mount needs a source: the image") }
      if let word = options.first(where: { $0 == "U" || $0 == "idmap" }) {
        throw OptionError("\(word == "U" ? "chown" : word) does not go with type=image")
      }
      request.what = .image(source)
      request.options = []
    default:
      let near = nearest(to: type, in: ["bind", "volume", "tmpfs", "image"])
      throw OptionError(
        "unknown type \"\(type)\": expected bind, volume, tmpfs or image",
        suggestion: near.map { "did you mean \($0)?" })
    }
    return request
  }

  /// A path below a volume or an image: what climbs out of it is refused here, what leads out by a link when it is opened.
  private func relativePath(_ text: String, _ key: String) throws(OptionError) -> String {
    if hasControlCharacters(text) { throw OptionError("\(key) holds a control character") }
    let parts = text.split(separator: "/").map(String.init).filter { $0 != "." }
    guard !text.hasPrefix("/"), !parts.isEmpty, !parts.contains("..") else {
      throw OptionError("\(key) is a path below the source, without \"..\"")
    }
    return parts.joined(separator: "/")
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
