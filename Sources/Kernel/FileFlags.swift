internal import CKernel

/// Permission bits and, where a call takes them, set-id and sticky bits (inode(7)).
package struct FileMode: FlagWord, ExpressibleByIntegerLiteral {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  package init(integerLiteral value: UInt32) { self.rawValue = value }

  /// As chmod(1) writes it: `0755`.
  package var octal: String {
    let digits = String(rawValue & 0o7777, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}

/// The flag word of open(2). O_CLOEXEC is not here: `open` always sets it.
package struct OpenFlags: FlagWord {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }

  package static let readOnly: OpenFlags = []
  package static let writeOnly = OpenFlags(rawValue: O_WRONLY)
  package static let readWrite = OpenFlags(rawValue: O_RDWR)
  package static let create = OpenFlags(rawValue: O_CREAT)
  package static let exclusive = OpenFlags(rawValue: O_EXCL)
  package static let truncate = OpenFlags(rawValue: O_TRUNC)
  package static let append = OpenFlags(rawValue: O_APPEND)
  package static let directory = OpenFlags(rawValue: O_DIRECTORY)
  /// The last component must not be a symbolic link (ELOOP).
  package static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
  /// A handle on the file that neither reads nor writes it: no device is opened, no FIFO waits.
  package static let path = OpenFlags(rawValue: O_PATH)
  package static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
  package static let noControllingTerminal = OpenFlags(rawValue: O_NOCTTY)
}

/// How openat2(2) resolves a path.
package struct ResolveFlags: FlagWord {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package static let noCrossDevice = ResolveFlags(rawValue: UInt64(RESOLVE_NO_XDEV))
  package static let noMagicLinks = ResolveFlags(rawValue: UInt64(RESOLVE_NO_MAGICLINKS))
  package static let noSymlinks = ResolveFlags(rawValue: UInt64(RESOLVE_NO_SYMLINKS))
  package static let beneath = ResolveFlags(rawValue: UInt64(RESOLVE_BENEATH))
  package static let inRoot = ResolveFlags(rawValue: UInt64(RESOLVE_IN_ROOT))
}

/// What kind of file an inode is.
package enum FileKind: UInt32, Hashable, Sendable {
  case fifo = 0o010000
  case characterDevice = 0o020000
  case directory = 0o040000
  case blockDevice = 0o060000
  case regular = 0o100000
  case symbolicLink = 0o120000
  case socket = 0o140000
}

/// A device number in its two parts.
package struct DeviceNumber: Hashable, Sendable {
  package var major: UInt32
  package var minor: UInt32
  package init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }

  /// As mknod(2) packs it: 12 bits of major, 20 of minor.
  var packed: UInt64 {
    let major = UInt64(major)
    let minor = UInt64(minor)
    return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12) | ((major & ~0xfff) << 32)
  }
}
