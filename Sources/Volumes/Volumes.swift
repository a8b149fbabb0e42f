/// Named volumes: directories that outlive containers.
///
/// A volume is a directory `NAME` of the store with `_data`, which containers mount, and `volume.json` beside it. It comes
/// into being and goes away by one rename. Who uses a volume is the engine's to know.

package import Kernel
internal import JSON
internal import Mounts
internal import Rooted

/// A volume that is there.
package struct Volume: Hashable, Sendable {
  package var name: String
  /// What a container mounts.
  package var mountpoint: Path
  package var created: String
  package var labels: [String: String]
}

/// All volumes below one directory, `/var/lib/skiff/volumes`. No lock is held between calls; each volume has its own.
package struct VolumeStore: Sendable {
  package let root: Path

  package init(root: Path) { self.root = root }

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
  package func create(_ name: String, labels: [String: String] = [:]) throws(Fault) -> Volume {
    try checkName(name)
    if let found = try find(name) { return found }
    try makeDirectories(root, mode: 0o700)
    let temporary = root.appending(temporaryName("new"))
    do throws(Fault) {
      try makeDirectory(temporary, mode: 0o700)
      try makeDirectory(temporary.appending("_data"), mode: 0o755)
      let record = VolumeRecord(created: now().rfc3339, labels: labels, isUsed: false)
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
      name: name, mountpoint: root.appending(name).appending("_data"), created: record.created, labels: record.labels)
  }

  /// Takes away what killed commands left half made or half removed.
  package func heal() {
    for entry in (try? entries(of: root)) ?? [] where entry.name.bytes.first == UInt8(ascii: ".") {
      try? heal(entry.name)
    }
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

  /// - Throws: ENOENT when there is none by that name.
  package func remove(_ name: String) throws(Fault) {
    try checkName(name)
    let removed = root.appending(temporaryName("removed"))
    try rename(root.appending(name), to: removed, .noReplace)
    try removeTree(removed)
  }

  /// The directory to mount at `target` of a container. The first use of a volume copies what the image has there, whole
  /// or not at all; later uses take the volume as it is, for somebody may have it mounted.
  ///
  /// - Parameter layers: the image's, topmost first; a root that is a directory of the host is one layer.
  package func directory(_ name: String, copyingUp target: Path, layers: [Path]) throws(Fault) -> Path {
    let volume = try create(name)
    let directory = root.appending(name)
    let lock = try open(directory, [.readOnly, .directory])
    try lock.borrowed.lock(.exclusive)
    var record = try read(name)
    guard !record.isUsed else { return volume.mountpoint }
    let copy = directory.appending("_data.new")
    try removeTree(copy)
    if try copyFromImage(target, layers: layers, to: copy) {
      // Over an empty directory: the volume has all of it in one step. One that was filled by hand stays as it is.
      do throws(Fault) { try rename(copy, to: volume.mountpoint) } catch {
        try removeTree(copy)
        guard error.errno == .directoryNotEmpty || error.errno == .exists else { throw error }
      }
    }
    record.isUsed = true
    try replaceFile(directory.appending(Self.recordName), with: record.jsonBytes(.pretty))
    return volume.mountpoint
  }

  /// False when the image has no directory there.
  private func copyFromImage(_ target: Path, layers: [Path], to copy: Path) throws(Fault) -> Bool {
    guard !layers.isEmpty else { return false }
    let image = try openLayers(layers)
    let source: Descriptor
    do throws(Fault) { source = try image.open(target, [.path, .directory]) } catch {
      if [.noSuchFile, .notDirectory].contains(error.errno) { return false }
      throw error
    }
    do throws(Fault) {
      try makeDirectory(copy, mode: 0o700)
      let place = try open(copy, [.path, .directory])
      try copyTree(from: source.borrowed, to: place.borrowed)
    } catch {
      try? removeTree(copy)
      throw error
    }
    return true
  }
}

extension VolumeStore {
  private static let recordName: Path = "volume.json"

  private func read(_ name: String) throws(Fault) -> VolumeRecord {
    let path = root.appending(name).appending(Self.recordName)
    let bytes = try readFile(path, limit: 1 << 20)
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
  private func temporaryName(_ purpose: String) -> Path {
    Path(".\(processIdentifier()).\(UInt64.random(in: .min ... .max)).\(purpose)")
  }

  private func heal(_ name: Path) throws(Fault) {
    let parts = name.string.split(separator: ".")
    guard parts.count == 3, let process = Int32(parts[0]), parts[2] == "new" || parts[2] == "removed" else { return }
    if process != processIdentifier(), !isRunning(process) { try removeTree(root.appending(name)) }
  }
}
