package import Kernel
internal import JSON

// Many volumes at once: a container may have hundreds that nobody named, and what is done for each of them, to wait for the disk
// or to look through all containers, is then done once.

/// A volume that nobody named, and that nobody else can know of before it is there.
package struct NamelessVolume: Hashable, Sendable {
  package var name: String
  /// Where it will be mounted; what the image has there is copied.
  package var target: Path
  package var copies: Bool

  package init(_ name: String, at target: Path, copies: Bool) {
    self.name = name
    self.target = target
    self.copies = copies
  }
}

extension VolumeStore {
  /// Makes them and fills them from the image. All of it is on the disk before the first of them gets its name, and is a volume:
  /// by fsync(2) of each record, and where there are more by one syncfs(2), which also waits for what others have written.
  ///
  /// - Parameter layers: as for `directory`.
  /// - Throws: what has a name by then stays; who asked finds it by that.
  package func make(_ volumes: [NamelessVolume], layers: [Path]) throws(Fault) -> [VolumeHold] {
    if volumes.isEmpty { return [] }
    try makeDirectories(root, mode: 0o700)
    let isMany = volumes.count > Self.few
    var drafts: [Path] = []
    do throws(Fault) {
      for volume in volumes {
        let draft = root.appending(temporaryName("new"))
        drafts.append(draft)
        try draw(volume, draft, layers, durable: !isMany)
      }
      passKillSwitch("making volumes", 0)
      if isMany {
        let top = try open(root, [.readOnly, .directory])
        try top.borrowed.synchronizeFileSystem()
      }
      var holds: [VolumeHold] = []
      for (volume, draft) in zip(volumes, drafts) {
        // Held before it can be found.
        let lock = try open(draft, [.readOnly, .directory, .noFollow])
        try lock.borrowed.lock(.shared)
        try rename(draft, to: root.appending(volume.name), .noReplace)
        holds.append(VolumeHold(mountpoint(of: volume.name), lock))
        passKillSwitch("making volumes", 1)
      }
      return holds
    } catch {
      for draft in drafts { try? removeTree(draft) }
      throw error
    }
  }

  private static let few = 3

  private func draw(_ volume: NamelessVolume, _ draft: Path, _ layers: [Path], durable: Bool) throws(Fault) {
    try makeDirectory(draft, mode: 0o700)
    let data = draft.appending("_data")
    var isFilled = false
    if volume.copies { isFilled = try copyFromImage(volume.target, layers: layers, to: data) }
    if !isFilled { try makeDirectory(data, mode: 0o755) }
    let record = VolumeRecord(created: now().rfc3339, labels: [:], isUsed: true)
    try replaceFile(draft.appending(Self.recordName), with: record.jsonBytes(.pretty), durable: durable)
  }

  /// Removes those that nobody has.
  ///
  /// - Parameter inUse: asked while nobody begins to use any of them.
  /// - Returns: which were removed.
  package func removeAll(_ names: [String], inUse: () -> Set<String>) -> [String] {
    var removed: [String] = []
    var rest = names[...]
    while !rest.isEmpty {
      // Each lock is a descriptor.
      let some = rest.prefix(128)
      rest = rest.dropFirst(some.count)
      removed += removeSome(Array(some), inUse: inUse)
    }
    return removed
  }

  private func removeSome(_ names: [String], inUse: () -> Set<String>) -> [String] {
    var locks: [(name: String, number: Int32)] = []
    defer { for lock in locks { _ = Descriptor(owning: lock.number) } }
    for name in names {
      if let lock = try? lockForRemoval(name) { locks.append((name, lock.release())) }
    }
    if locks.isEmpty { return [] }
    let kept = inUse()
    return locks.map { $0.name }.filter { !kept.contains($0) && (try? removeLocked($0)) != nil }
  }
}
