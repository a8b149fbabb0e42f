internal import Arguments
internal import Containers
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
      self.init(.volume(nil), form: .volume, target: try mountTarget(parts[0]))
      return
    }
    var options = parts.count == 3 ? try volumeOptions(parts[2]) : []
    let target = try mountTarget(parts[1])
    if let source = hostPath(parts[0], directory) {
      if options.contains("nocopy") { throw OptionError("nocopy goes with a named volume, not with a directory") }
      self.init(.bind(source), form: .volume, target: target, options: options)
    } else {
      // A volume's owners are shifted in any case.
      options.removeAll { $0 == "idmap" }
      self.init(.volume(try volumeName(parts[0])), form: .volume, target: target, options: options)
    }
    mode = parts.count == 3 ? parts[2] : ""
  }

  /// `--tmpfs`: `TARGET[:OPTIONS]`.
  package init(tmpfs text: String) throws(OptionError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let options = parts.count > 1 && !parts[1].isEmpty ? parts[1].split(separator: ",").map(String.init) : []
    for option in options { try checkTmpfs(option) }
    self.init(.tmpfs, form: .tmpfs, target: try mountTarget(parts[0]), options: options)
  }
}

/// A path of the host, or nil when the text is the name of a volume.
func hostPath(_ text: String, _ directory: Path) -> Path? {
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

func volumeName(_ text: String) throws(OptionError) -> String {
  if isValidName(text) { return text }
  throw OptionError(
    "\"\(text)\" is no volume name: only letters, digits, _ . - are, after a letter or digit",
    suggestion: text.contains("/") ? "a directory of the host starts with / or ./" : nil)
}

/// Each of the groups at most once. What only changes how SELinux or a virtual machine sees the mount has no effect here.
private let volumeOptionGroups: [(names: [String], isKept: Bool)] = [
  (["ro", "rw", "rro"], true),
  (["private", "rprivate", "shared", "rshared", "slave", "rslave"], true),
  (["idmap"], true),
  (["nocopy"], true),
  (["U"], true),
  (["exec", "noexec"], true),
  (["suid", "nosuid"], true),
  (["dev", "nodev"], true),
  (["bind", "rbind"], true),
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
  return kept.filter { $0 != "rbind" } + (kept.contains("ro") && !kept.contains("bind") ? [readOnlyBelow] : [])
}

/// Docker since 25.0: read-only means what is mounted below too. Beside `ro` it is a wish, which a host without
/// mount_setattr(2) does not fulfil; alone it is an order.
let readOnlyBelow = "rro"

func checkTmpfs(_ option: String) throws(OptionError) {
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
