internal import JSON
internal import Kernel
internal import YAML

/// One CDI file, in JSON or in YAML, as the specification has both. What it describes is done by root, up to programs that are
/// run outside of the container: so it counts only if nobody else may have written it.
enum DeviceFile {
  static func isOne(_ name: String) -> Bool {
    [".json", ".yaml", ".yml"].contains { name.hasSuffix($0) && name.utf8.count > $0.utf8.count }
  }

  static func read(_ path: Path) throws -> JSONValue {
    let isYAML = !path.string.hasSuffix(".json")
    try checkOwner(path.parent, of: "the directory")
    try checkOwner(path, of: "it")
    let bytes = try readRegularFile(path, limit: isYAML ? 1 << 20 : 8 << 20, followLinks: true)
    return isYAML ? try JSONValue(yaml: bytes, numbers: numbers) : try JSONValue(parsing: bytes)
  }

  private static func checkOwner(_ path: Path, of what: String) throws(OptionError) {
    guard let status = try? status(of: path, followLinks: true) else { return }
    // In a user namespace root of the host is nobody that it knows.
    let isTrusted = status.owner == 0 || status.owner == effectiveUser() || !isRootOfHost()
    guard isTrusted, status.mode.rawValue & 0o022 == 0 else {
      throw OptionError("\(what) is not root's alone: chown root \(path); chmod go-w \(path)")
    }
  }

  /// What CDI's schema has numbers for; all else is text.
  private static let numbers: Set<String> = ["major", "minor", "fileMode", "uid", "gid", "timeout", "additionalGids"]
}
