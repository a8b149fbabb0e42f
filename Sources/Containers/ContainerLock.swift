package import Kernel

/// The lock of one container (flock(2)). Whoever holds it may change the container; the supervisor holds it from the
/// start to the end, so a container whose lock is free has none.
package struct ContainerLock: ~Copyable, Sendable {
  package let descriptor: Descriptor
  private let path: Path

  /// Nil when somebody holds it.
  package static func tryTake(_ files: ContainerFiles) throws(Fault) -> ContainerLock? {
    while true {
      let file = try open(files.lock, [.readWrite, .create, .noFollow], mode: 0o600)
      guard try file.borrowed.tryLock(.exclusive) else { return nil }
      if try isCurrent(file.borrowed, files.lock) { return ContainerLock(descriptor: file, path: files.lock) }
    }
  }

  /// Waits for whoever holds it.
  package static func take(_ files: ContainerFiles) throws(Fault) -> ContainerLock {
    while true {
      let file = try open(files.lock, [.readWrite, .create, .noFollow], mode: 0o600)
      try file.borrowed.lock(.exclusive)
      if try isCurrent(file.borrowed, files.lock) { return ContainerLock(descriptor: file, path: files.lock) }
    }
  }

  /// Takes over a lock that another process handed on while it held it.
  package init(handedOver descriptor: consuming Descriptor, _ files: ContainerFiles) {
    self.init(descriptor: descriptor, path: files.lock)
  }

  private init(descriptor: consuming Descriptor, path: Path) {
    self.descriptor = descriptor
    self.path = path
  }

  /// Whether somebody holds it now.
  package static func isHeld(_ files: ContainerFiles) throws(Fault) -> Bool {
    do throws(Fault) {
      let file = try open(files.lock, [.readOnly, .noFollow])
      return try !file.borrowed.tryLock(.shared)
    } catch {
      if error.errno == .noSuchFile { return false }
      throw error
    }
  }

  /// From here on the container is being removed, and whoever finds it half removed goes on with it. One write, so that
  /// there is no state between.
  package func markRemoval() throws(Fault) { try descriptor.borrowed.write("removing\n") }

  /// Whether who held the lock before was removing the container.
  package var marksRemoval: Bool { ((try? status(of: descriptor.borrowed).size) ?? 0) > 0 }

  /// Removes the lock file while it is held: the last act on a container that is gone.
  package consuming func remove() throws(Fault) { try removeFile(path) }

  /// The file may have been removed between the open and the lock: then it locks nothing.
  private static func isCurrent(_ file: BorrowedDescriptor, _ path: Path) throws(Fault) -> Bool {
    let mine = try status(of: file)
    guard let named = try? status(of: path, followLinks: false) else { return false }
    return mine.inode == named.inode && mine.fileSystem == named.fileSystem
  }
}
