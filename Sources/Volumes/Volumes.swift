/// Named volumes: directories that outlive containers.
///
/// A volume is a directory `NAME` of the store with `_data`, which containers mount, and `volume.json` beside it. It comes
/// into being and goes away by one rename. A volume with options is mounted on its `_data` while containers use it; who
/// they are stands below /run, so that it ends with them and with the boot. Which containers have a volume at all is the
/// engine's to know.

package import Kernel
internal import JSON

/// A volume that is there.
package struct Volume: Hashable, Sendable {
  package var name: String
  /// What a container mounts.
  package var mountpoint: Path
  package var created: String
  package var labels: [String: String]
  /// `-o` of its maker; empty for a directory of the store.
  package var options: [String: String]
}

/// All volumes below one directory, `/var/lib/skiff/volumes`. No lock is held between calls; each volume has its own.
package struct VolumeStore: Sendable {
  package let root: Path
  /// What dies with a boot, `/run/skiff/volumes`: who uses those that are mounted.
  let run: Path

  package init(root: Path, run: Path) {
    self.root = root
    self.run = run
  }

  /// Docker's rule: letters, digits, `_`, `.`, `-`, a letter or digit first, two at least.
  package static func isValid(name: String) -> Bool {
    func isPlain(_ byte: UInt8) -> Bool {
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
    let bytes = Array(name.utf8)
    return (2...255).contains(bytes.count) && isPlain(bytes[0])
      && bytes.allSatisfy { isPlain($0) || $0 == 45 || $0 == 46 || $0 == 95 }
  }

  /// For a volume that nobody named: 64 hexadecimal digits, most of them its container's, so that one whose maker was
  /// killed before it could write it down is found again.
  package static func anonymousName(for container: String) -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(container.prefix(48)) + String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Whether the name is one that nobody chose.
  package static func isAnonymous(_ name: String) -> Bool {
    name.utf8.count == 64 && name.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  /// The volumes that were made for the container alone.
  package func anonymousNames(for container: String) -> [String] {
    ((try? entries(of: root)) ?? []).map(\.name.string).filter {
      $0.utf8.count == 64 && container.utf8.count == 64 && $0.hasPrefix(container.prefix(48))
    }
  }
}

extension VolumeStore {
  /// The volume, made when there is none by that name.
  ///
  /// - Throws: EEXIST when there is one with other options.
  package func create(
    _ name: String, labels: [String: String] = [:], options: [String: String] = [:]
  ) throws(Fault) -> Volume {
    try checkName(name)
    if let found = try find(name) {
      guard options.isEmpty || options == found.options else {
        throw Fault(
          "mkdirat", .exists, arguments: "\"\(name)\"",
          hint: "there is a volume \(name) with other options: choose another name, or skiff volume rm \(name)")
      }
      return found
    }
    try makeDirectories(root, mode: 0o700)
    let temporary = root.appending(temporaryName("new"))
    do throws(Fault) {
      try makeDirectory(temporary, mode: 0o700)
      try makeDirectory(temporary.appending("_data"), mode: 0o755)
      let record = VolumeRecord(created: now().rfc3339, labels: labels, options: options, isUsed: false)
      try replaceFile(temporary.appending(Self.recordName), with: record.jsonBytes(.pretty))
      try rename(temporary, to: root.appending(name), .noReplace)
    } catch {
      try? removeTree(temporary)
      // Somebody else was as quick; theirs is as good.
      if error.errno != .exists { throw error }
    }
    guard let made = try find(name) else { throw Fault("open", .noSuchFile, arguments: root.appending(name).quoted) }
    return made
  }

  package func find(_ name: String) throws(Fault) -> Volume? {
    guard Self.isValid(name: name), exists(root.appending(name)) else { return nil }
    let record = try read(name)
    return Volume(
      name: name, mountpoint: mountpoint(of: name), created: record.created, labels: record.labels,
      options: record.options)
  }

  /// Takes away what killed commands left half made or half removed.
  package func heal() {
    for entry in (try? entries(of: root)) ?? [] where entry.name.bytes.first == UInt8(ascii: ".") {
      try? heal(entry.name)
    }
    unmountForgotten()
  }

  /// All volumes by name. What a killed command left half made or half removed is taken away on the way.
  package func list() throws(Fault) -> [Volume] {
    let names: [DirectoryEntry]
    do throws(Fault) { names = try entries(of: root) } catch {
      if error.errno == .noSuchFile { return [] }
      throw error
    }
    var found: [Volume] = []
    for entry in names {
      if entry.name.bytes.first == UInt8(ascii: ".") {
        try heal(entry.name)
      } else if let volume = try find(entry.name.string) {
        found.append(volume)
      }
    }
    return found.sorted { $0.name < $1.name }
  }

  /// - Parameter check: throws when somebody has it; nobody begins to use it meanwhile.
  /// - Throws: ENOENT when there is none by that name, EBUSY when a container that is being made is to have it.
  package func remove(_ name: String, check: () throws(Fault) -> Void = {}) throws(Fault) {
    let lock = try lockForRemoval(name)
    try check()
    try removeLocked(name)
    // Not let go before.
    try lock.borrowed.unlock()
  }

  func lockForRemoval(_ name: String) throws(Fault) -> Descriptor {
    try checkName(name)
    let directory = root.appending(name)
    let lock = try open(directory, [.readOnly, .directory, .noFollow])
    guard try lock.borrowed.tryLock(.exclusive) else {
      throw Fault("flock", .busy, arguments: directory.quoted, hint: "a container that uses it is just being made")
    }
    return lock
  }

  /// Its lock is held.
  func removeLocked(_ name: String) throws(Fault) {
    let directory = root.appending(name)
    try unmountData(of: name)
    let removed = root.appending(temporaryName("removed"))
    try rename(directory, to: removed, .noReplace)
    // What was mounted there is not the volume's: were anything mounted still, this would fail, and not remove it.
    if let record = try? readRecord(in: removed), !record.options.isEmpty {
      try removeDirectory(removed.appending("_data"))
    }
    try removeTree(removed)
    try? removeTree(run.appending(name))
  }
}

extension VolumeStore {
  static let recordName: Path = "volume.json"

  package func mountpoint(of name: String) -> Path { root.appending(name).appending("_data") }

  func read(_ name: String) throws(Fault) -> VolumeRecord { try readRecord(in: root.appending(name)) }

  private func readRecord(in directory: Path) throws(Fault) -> VolumeRecord {
    let path = directory.appending(Self.recordName)
    let bytes = try readRegularFile(path, limit: 1 << 20)
    do throws(JSONError) { return try VolumeRecord(parsing: bytes) } catch {
      throw Fault("read", .badMessage, arguments: path.quoted, hint: "\(error)")
    }
  }

  private func checkName(_ name: String) throws(Fault) {
    guard Self.isValid(name: name) else {
      throw Fault(
        "mkdirat", .invalid, arguments: "\"\(name)\"",
        hint: "a volume's name has two or more of a-z A-Z 0-9 _ . - and begins with a letter or digit")
    }
  }

  /// A name no volume can have, with who is at work on it.
  func temporaryName(_ purpose: String) -> Path {
    Path(".\(processIdentifier()).\(UInt64.random(in: .min ... .max)).\(purpose)")
  }

  private func heal(_ name: Path) throws(Fault) {
    let parts = name.string.split(separator: ".")
    guard parts.count == 3, let process = Int32(parts[0]), parts[2] == "new" || parts[2] == "removed" else { return }
    if process != processIdentifier(), !isRunning(process) { try removeTree(root.appending(name)) }
  }
}
