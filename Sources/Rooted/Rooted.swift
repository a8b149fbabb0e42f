/// The only way to open anything inside an untrusted root.
///
/// openat2 with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, or a walk by components where a filter hides that call. No other
/// module takes a path into a rootfs (SECURITY.md, rule 1). PrivateProc is the same for procfs (rule 3).

package import Kernel

/// A directory whose contents somebody else controls, perhaps while we look. Every path is resolved as if the directory
/// were `/`: links and `..` stay inside, magic links of procfs are refused with ELOOP.
package struct Root: ~Copyable, Sendable {
  /// Who resolves.
  package enum Resolver: Sendable {
    /// openat2(2), and the walk where a filter makes it answer ENOSYS (EPERM, from older filters).
    case kernel
    /// Component by component on descriptors; what the fallback does, for tests to force.
    case walk
  }

  private let directory: Descriptor
  private let resolver: Resolver

  /// - Parameter directory: an open directory, which may be an O_PATH handle.
  package init(_ directory: consuming Descriptor, resolver: Resolver = .kernel) {
    self.directory = directory
    self.resolver = resolver
  }

  /// - Parameter path: a trusted path of the host.
  package init(at path: Path, resolver: Resolver = .kernel) throws(Fault) {
    self.init(try Kernel.open(path, [.path, .directory]), resolver: resolver)
  }

  /// The directory itself.
  package var descriptor: BorrowedDescriptor { directory.borrowed }

  /// Opens `path` inside the root. With `.create` the file is made when it is missing; its directory must be there.
  package func open(_ path: Path, _ flags: OpenFlags, mode: FileMode = 0) throws(Fault) -> Descriptor {
    try open(path, flags, mode: mode, resolve: [])
  }

  func open(
    _ path: Path, _ flags: OpenFlags, mode: FileMode = 0, resolve: ResolveFlags
  ) throws(Fault) -> Descriptor {
    if resolver == .kernel {
      do throws(Fault) {
        return try Kernel.open(
          path, flags, mode: mode, at: descriptor, resolve: resolve.union([.inRoot, .noMagicLinks]))
      } catch {
        switch error.errno {
        // EAGAIN: so many renames anywhere on the machine that the kernel could never vouch for a `..`; the walk can.
        case .noSystemCall, .notPermitted, .again: break
        default: throw error
        }
      }
    }
    return try Walk.run(
      from: descriptor, path, flags, mode: mode, missing: .fail, refusesLinks: resolve.contains(.noSymlinks))
  }
}

// MARK: - Making what a mount needs beneath it

extension Root {
  /// Makes the directory and those above it that are missing, each by mkdirat on a descriptor that is inside the root, so
  /// that a link swapped in meanwhile leads nowhere (CVE-2024-45310). Links, dangling ones too, are followed inside.
  ///
  /// - Returns: an O_PATH handle on the last one.
  package func makeDirectories(_ path: Path, mode: FileMode = 0o755) throws(Fault) -> Descriptor {
    do throws(Fault) { return try open(path, [.path, .directory]) } catch {
      if error.errno != .noSuchFile { throw error }
    }
    return try Walk.run(
      from: descriptor, path, [.path, .directory], missing: .makeDirectories(mode), refusesLinks: false)
  }

  /// An O_PATH handle on the file at `path`, whatever its kind; an empty regular file is made when there is none, and
  /// the directories above it.
  package func createFile(_ path: Path, mode: FileMode = 0o644) throws(Fault) -> Descriptor {
    do throws(Fault) { return try open(path, [.path]) } catch {
      if error.errno != .noSuchFile { throw error }
    }
    return try Walk.run(from: descriptor, path, [.path], missing: .makeFile(mode), refusesLinks: false)
  }

  /// An O_PATH handle on a real directory: no component of `path` may be a link. For /proc, /sys and /dev, which an image
  /// must not send elsewhere (CVE-2019-19921, CVE-2023-27561, CVE-2026-41579).
  ///
  /// - Parameter mode: makes what is missing with this mode; nil fails with ENOENT.
  package func openDirectoryNoFollow(_ path: Path, making mode: FileMode? = nil) throws(Fault) -> Descriptor {
    do throws(Fault) {
      do throws(Fault) { return try open(path, [.path, .directory], resolve: .noSymlinks) } catch {
        guard error.errno == .noSuchFile, let mode else { throw error }
        return try Walk.run(
          from: descriptor, path, [.path, .directory], missing: .makeDirectories(mode), refusesLinks: true)
      }
    } catch {
      var fault = error
      if fault.errno == .tooManyLinks || fault.errno == .notDirectory {
        fault.hint = "\(path) must be a real directory of the image; a link or a file in its place is refused"
      }
      throw fault
    }
  }
}

// MARK: - Names

/// A directory inside a root, and one name in it: for calls that never follow the last component (mknodat, symlinkat,
/// unlinkat, renameat2, linkat).
package struct DirectoryName: ~Copyable, Sendable {
  package let directory: Descriptor
  package let name: Path
}

extension Root {
  /// The directory of `path`, links in it followed inside the root, and the last component as it is.
  ///
  /// - Parameter mode: makes directories that are missing.
  /// - Throws: EINVAL where the last component is no name: `/`, `..`, an empty path.
  package func openParent(of path: Path, making mode: FileMode? = nil) throws(Fault) -> DirectoryName {
    let components = path.components
    guard let name = components.last, name != ".." else {
      throw Fault("open", .invalid, arguments: path.quoted, hint: "\(path) does not end in a name")
    }
    let joined = Array(components.dropLast().map(\.bytes).joined(separator: [UInt8(ascii: "/")]))
    let parent = joined.isEmpty ? "." : Path(bytes: joined) ?? "."
    let directory =
      if let mode { try makeDirectories(parent, mode: mode) } else { try open(parent, [.path, .directory]) }
    return DirectoryName(directory: directory, name: name)
  }

  /// What an inode inside the root says of itself.
  package func status(of path: Path, followLinks: Bool = true) throws(Fault) -> FileStatus {
    let file = try open(path, followLinks ? [.path] : [.path, .noFollow])
    return try Kernel.status(of: file.borrowed)
  }

  /// The contents of a regular file of at most `limit` bytes. A FIFO or a device in its place is not opened at all.
  package func readFile(_ path: Path, limit: Int, through proc: borrowing PrivateProc) throws(Fault) -> [UInt8] {
    let handle = try open(path, [.path])
    guard try Kernel.status(of: handle.borrowed).kind == .regular else {
      throw Fault("open", .invalid, arguments: path.quoted, hint: "\(path) is not a regular file")
    }
    let file = try proc.reopen(handle.borrowed, .readOnly)
    return try file.borrowed.readAll(limit: limit)
  }
}
