package import Archive
package import Blobs
package import Kernel

// Files on their way from one place to another: out of a tree or a tar, into a tree or a tar, one after the other and
// without a copy in between. A tree may be a container's that runs, and a tar anybody's: both are hostile.

/// Writes an entry's contents, `size` bytes in all or the parts that a sparse one has, from where the file stands.
package typealias CopyContents = (_ file: BorrowedDescriptor, _ canCopyInKernel: Bool) throws(StoreError) -> Void

/// Where entries go. A directory comes before what is in it.
package protocol CopySink: ~Copyable {
  mutating func put(_ entry: TarEntry, _ contents: CopyContents) throws(StoreError)
  /// That was all.
  mutating func finish() throws(StoreError)
}

/// How far it is, in the bytes that a tar of it would have: what docker counts.
package struct CopyMeter: Sendable {
  package private(set) var bytes = 2 * Tar.blockSize
  /// Devices that were left out.
  package var skipped = 0
  private let report: @Sendable (Int) -> Void

  package init(_ report: @escaping @Sendable (Int) -> Void = { _ in }) { self.report = report }

  mutating func count(_ entry: TarEntry) {
    bytes += Tar.blockSize + entry.storedSize + Tar.padding(after: entry.storedSize)
    report(bytes)
  }
}

/// Which owners and rights survive.
package struct CopyRules: Sendable {
  /// The ids on the disk for an entry's.
  package var owner: @Sendable (_ user: UInt32, _ group: UInt32) -> (user: UInt32, group: UInt32)
  /// Set-id bits, file capabilities and devices: of a container's files nobody outside is to get them unasked.
  package var keepsPrivileges: Bool

  package init(
    keepsPrivileges: Bool,
    owner: @escaping @Sendable (_ user: UInt32, _ group: UInt32) -> (user: UInt32, group: UInt32) = { ($0, $1) }
  ) {
    self.owner = owner
    self.keepsPrivileges = keepsPrivileges
  }

  /// Nil for an entry that is not to be made at all.
  func applied(to entry: TarEntry) -> TarEntry? {
    var entry = entry
    (entry.owner, entry.group) = owner(entry.owner, entry.group)
    entry.attributes.removeAll { attribute in
      let name = attribute.name.string
      let isForeign = ["trusted.", "user.overlay.", "security."].contains { name.hasPrefix($0) }
      return isForeign && !(keepsPrivileges && name == "security.capability")
    }
    guard !keepsPrivileges else { return entry }
    entry.mode.subtract(0o6000)
    switch entry.kind {
    case .characterDevice, .blockDevice: return nil
    default: return entry
    }
  }
}

func refusedCopy(_ reason: String) -> StoreError { StoreError(.invalid, reason) }
