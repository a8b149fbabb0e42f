package import Kernel
internal import JSON
internal import Mounts
internal import Rooted

// The first use of a volume copies what the image has at its place, whole or not at all: also for another container that
// starts at the same time, and after kill -9 in the middle.

/// A volume that a container is to have, held against removal until the container's record says so.
package final class VolumeHold: Sendable {
  package let directory: Path
  private let lock: Descriptor

  init(_ directory: Path, _ lock: consuming Descriptor) {
    self.directory = directory
    self.lock = lock
  }

  package func end() { try? lock.borrowed.unlock() }
}

extension VolumeStore {
  /// The directory to mount at `target` of a container. The first use copies what the image has there; later uses take the
  /// volume as it is, for somebody may have it mounted. One with options is mounted while that is done, and is filled
  /// whenever it is empty, as with docker.
  ///
  /// - Parameters:
  ///   - user: the container.
  ///   - layers: the image's, topmost first; a root that is a directory of the host is one layer. None copies nothing.
  package func directory(
    _ name: String, for user: String, copyingUp target: Path, layers: [Path]
  ) throws(Fault) -> VolumeHold {
    while true {
      let volume = try create(name)
      let directory = root.appending(name)
      let lock: Descriptor
      do throws(Fault) { lock = try open(directory, [.readOnly, .directory, .noFollow]) } catch {
        // Removed since.
        if error.errno == .noSuchFile { continue }
        throw error
      }
      try lock.borrowed.lock(.exclusive)
      guard try isCurrent(lock.borrowed, directory) else { continue }
      var record = try read(name)
      if !record.options.isEmpty {
        if !layers.isEmpty { try fillMounted(volume, &record, for: user, from: target, layers) }
      } else if !record.isUsed {
        try fill(volume, &record, from: target, layers)
      }
      // Not one step: a removal may come between, and then all of this is done again with a new one.
      try lock.borrowed.lock(.shared)
      guard try isCurrent(lock.borrowed, directory) else { continue }
      return VolumeHold(volume.mountpoint, lock)
    }
  }

  func isCurrent(_ lock: BorrowedDescriptor, _ directory: Path) throws(Fault) -> Bool {
    let mine = try status(of: lock)
    guard let named = try? status(of: directory, followLinks: false) else { return false }
    return mine.inode == named.inode && mine.fileSystem == named.fileSystem
  }

  private func fill(
    _ volume: Volume, _ record: inout VolumeRecord, from target: Path, _ layers: [Path]
  ) throws(Fault) {
    let directory = root.appending(volume.name)
    let copy = directory.appending("_data.new")
    try removeTree(copy)
    if try copyFromImage(target, layers: layers, to: copy) {
      passKillSwitch("copying up", 1)
      // Over an empty directory: the volume has all of it in one step. One that was filled by hand stays as it is.
      do throws(Fault) { try rename(copy, to: volume.mountpoint) } catch {
        try removeTree(copy)
        guard error.errno == .directoryNotEmpty || error.errno == .exists else { throw error }
      }
    }
    passKillSwitch("copying up", 2)
    record.isUsed = true
    try replaceFile(directory.appending(Self.recordName), with: record.jsonBytes(.pretty))
  }

  /// A mount point cannot be replaced by a rename, so the copy is made below one name inside and then moved up name by
  /// name. Nobody sees the half of it: who starts waits for the lock, and goes on with what a killed command left.
  private func fillMounted(
    _ volume: Volume, _ record: inout VolumeRecord, for user: String, from target: Path, _ layers: [Path]
  ) throws(Fault) {
    try mount(volume.name, for: user)
    do throws(Fault) {
      let copy = volume.mountpoint.appending(Self.copyName)
      // Gone with the tmpfs that it was in.
      if record.isFilling && !exists(copy) { record.isFilling = false }
      if !record.isFilling {
        if exists(copy) { try removeTree(copy) }
        let names = try entries(of: volume.mountpoint).map(\.name)
        // What mkfs.ext4 leaves is nobody's file.
        if names.allSatisfy({ $0 == "lost+found" }), try copyFromImage(target, layers: layers, to: copy) {
          passKillSwitch("copying up", 3)
          record.isFilling = true
          try replaceFile(root.appending(volume.name).appending(Self.recordName), with: record.jsonBytes(.pretty))
        }
      }
      if record.isFilling {
        try moveUp(copy, into: volume.mountpoint)
        record.isFilling = false
        record.isUsed = true
        try replaceFile(root.appending(volume.name).appending(Self.recordName), with: record.jsonBytes(.pretty))
      }
    } catch {
      try? unmountAll(for: user)
      throw error
    }
    try unmountAll(for: user)
  }

  private static let copyName: Path = ".skiff-copy-up"

  private func moveUp(_ copy: Path, into place: Path) throws(Fault) {
    for entry in try entries(of: copy) {
      passKillSwitch("copying up", 4)
      try rename(copy.appending(entry.name), to: place.appending(entry.name))
    }
    let from = try open(copy, [.readOnly, .directory])
    let to = try open(place, [.readOnly, .directory])
    let status = try status(of: from.borrowed)
    try setOwner(of: "", at: to.borrowed, user: status.owner, group: status.group)
    try setMode(of: to.borrowed, to: status.mode)
    try removeTree(copy)
  }

  /// False when the image has no directory there.
  func copyFromImage(_ target: Path, layers: [Path], to copy: Path) throws(Fault) -> Bool {
    guard !layers.isEmpty else { return false }
    let image = try openLayers(layers)
    let source: Descriptor
    do throws(Fault) { source = try image.open(target, [.path, .directory]) } catch {
      if [.noSuchFile, .notDirectory].contains(error.errno) { return false }
      throw error
    }
    do throws(Fault) {
      try makeDirectory(copy, mode: 0o700)
      passKillSwitch("copying up", 0)
      let place = try open(copy, [.path, .directory])
      try copyTree(from: source.borrowed, to: place.borrowed)
    } catch {
      try? removeTree(copy)
      throw error
    }
    return true
  }
}
