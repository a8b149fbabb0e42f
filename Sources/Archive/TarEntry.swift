package import Kernel

/// What a tar says of one file. Its contents follow the header in the archive.
package struct TarEntry: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case regular, directory, fifo
    case symbolicLink(target: Path)
    /// Another name of a file that came earlier, by its path from the top of the archive.
    case hardLink(target: Path)
    case characterDevice(DeviceNumber)
    case blockDevice(DeviceNumber)
  }

  /// As it stands in the archive: nothing about it was checked but its length and that it holds no NUL.
  package var path: Path
  package var kind: Kind
  /// Permission, set-id and sticky bits.
  package var mode: FileMode
  package var owner: UInt32
  package var group: UInt32
  package var modified: Timestamp
  /// Bytes of contents; zero unless it is a regular file.
  package var size: Int
  /// What the archive holds of a sparse file, in order; all else in it is zeros. Nil where nothing is left out.
  package var sparse: [TarExtent]?
  /// Sorted by name.
  package var attributes: [ExtendedAttribute]

  package init(
    path: Path, kind: Kind, mode: FileMode, owner: UInt32 = 0, group: UInt32 = 0,
    modified: Timestamp = Timestamp(seconds: 0, nanoseconds: 0), size: Int = 0, attributes: [ExtendedAttribute] = []
  ) {
    self.path = path
    self.kind = kind
    self.mode = mode
    self.owner = owner
    self.group = group
    self.modified = modified
    self.size = size
    self.attributes = attributes
  }
}

extension TarEntry {
  /// Bytes of contents that stand in the archive, padding aside.
  package var storedSize: Int { sparse.map { $0.reduce(0) { $0 + $1.size } } ?? size }
}

/// One attribute of xattr(7): `security.capability`, `user.mime_type`.
package struct ExtendedAttribute: Hashable, Sendable {
  package var name: Path
  package var value: [UInt8]
  package init(name: Path, value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

/// The frame that tar puts around headers and contents.
package enum Tar {
  package static let blockSize = 512

  /// Zero bytes that fill the last block of contents of this size.
  package static func padding(after size: Int) -> Int { (blockSize - size % blockSize) % blockSize }

  /// So many bytes may stand behind the end of an archive, where writers fill up their last record. More is no padding: it
  /// is a stream without an end, like /dev/zero.
  package static let longestTrailer = 64 << 20

  /// Two empty blocks end an archive.
  package static var end: [UInt8] { [UInt8](repeating: 0, count: 2 * blockSize) }
}
