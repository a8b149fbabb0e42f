internal import CKernel

// Calls that make, open and remove names. Each takes the directory to start from; the working directory is the default.

/// openat(2), always with O_CLOEXEC.
package func open(
  _ path: Path, _ flags: OpenFlags, mode: FileMode = 0, at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) -> Descriptor {
  let raw = try path.withAddress { (address) throws(Fault) in
    try systemCall(
      "openat", Int(SYS_openat), directory.argument, address, Int(flags.rawValue | O_CLOEXEC), Int(mode.rawValue),
      arguments: "\(directory.description), \(path.quoted)")
  }
  return Descriptor(owning: Int32(raw))
}

/// openat2(2) (Linux 5.6): opens with rules on how the path may resolve.
package func open(
  _ path: Path, _ flags: OpenFlags, mode: FileMode = 0, at directory: BorrowedDescriptor, resolve: ResolveFlags
) throws(Fault) -> Descriptor {
  var how = open_how(
    flags: UInt64(UInt32(bitPattern: flags.rawValue | O_CLOEXEC)),
    mode: flags.contains(.create) ? UInt64(mode.rawValue) : 0, resolve: resolve.rawValue)
  let size = MemoryLayout<open_how>.size
  var attempts = 0
  while true {
    do throws(Fault) {
      let raw = try withMutableAddress(of: &how) { (how_) throws(Fault) in
        try path.withAddress { (address) throws(Fault) in
          try systemCall(
            "openat2", Int(SYS_openat2), directory.argument, address, how_, size,
            arguments: "\(directory.description), \(path.quoted), resolve=0x\(String(resolve.rawValue, radix: 16))")
        }
      }
      return Descriptor(owning: Int32(raw))
    } catch {
      // EAGAIN: a rename or mount raced with the walk past "..", so the kernel could not vouch for it (openat2(2)).
      attempts += 1
      if error.errno != .again || attempts == 64 { throw error }
    }
  }
}

package func makeDirectory(
  _ path: Path, mode: FileMode, at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) {
  _ = try path.withAddress { (address) throws(Fault) in
    try systemCall(
      "mkdirat", Int(SYS_mkdirat), directory.argument, address, Int(mode.rawValue),
      arguments: "\(directory.description), \(path.quoted), \(mode.octal)")
  }
}

/// mknodat(2): a device, a FIFO, a socket, or an empty regular file.
package func makeNode(
  _ path: Path, kind: FileKind, mode: FileMode, device: DeviceNumber = DeviceNumber(major: 0, minor: 0),
  at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) {
  _ = try path.withAddress { (address) throws(Fault) in
    try systemCall(
      "mknodat", Int(SYS_mknodat), directory.argument, address, Int(kind.rawValue | mode.rawValue),
      Int(device.packed),
      arguments: "\(directory.description), \(path.quoted), \(kind) \(mode.octal), \(device.major):\(device.minor)")
  }
}

/// symlinkat(2): `path` becomes a link that reads `target`.
package func makeSymbolicLink(
  _ path: Path, to target: Path, at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) {
  _ = try target.withAddress { (target_) throws(Fault) in
    try path.withAddress { (address) throws(Fault) in
      try systemCall(
        "symlinkat", Int(SYS_symlinkat), target_, directory.argument, address,
        arguments: "\(target.quoted), \(directory.description), \(path.quoted)")
    }
  }
}

/// linkat(2); an empty `path` with AT_EMPTY_PATH links the open file itself.
package func makeHardLink(
  from source: Path, at sourceDirectory: BorrowedDescriptor = .workingDirectory, to target: Path,
  at targetDirectory: BorrowedDescriptor = .workingDirectory
) throws(Fault) {
  let flags = source.isEmpty ? Int(AT_EMPTY_PATH) : 0
  _ = try source.withAddress { (source_) throws(Fault) in
    try target.withAddress { (target_) throws(Fault) in
      try systemCall(
        "linkat", Int(SYS_linkat), sourceDirectory.argument, source_, targetDirectory.argument, target_, flags,
        arguments: "\(source.quoted), \(target.quoted)")
    }
  }
}

/// How renameat2(2) treats a target that exists.
package enum RenameRule: UInt32, Sendable {
  case replace = 0
  /// EEXIST when the target is there.
  case noReplace = 1
  /// Both names are swapped in one step.
  case exchange = 2
}

package func rename(
  _ source: Path, at sourceDirectory: BorrowedDescriptor = .workingDirectory, to target: Path,
  at targetDirectory: BorrowedDescriptor = .workingDirectory, _ rule: RenameRule = .replace
) throws(Fault) {
  _ = try source.withAddress { (source_) throws(Fault) in
    try target.withAddress { (target_) throws(Fault) in
      try systemCall(
        "renameat2", Int(SYS_renameat2), sourceDirectory.argument, source_, targetDirectory.argument, target_,
        Int(rule.rawValue), arguments: "\(source.quoted), \(target.quoted)")
    }
  }
}

package func removeFile(_ path: Path, at directory: BorrowedDescriptor = .workingDirectory) throws(Fault) {
  _ = try path.withAddress { (address) throws(Fault) in
    try systemCall(
      "unlinkat", Int(SYS_unlinkat), directory.argument, address, 0,
      arguments: "\(directory.description), \(path.quoted)")
  }
}

package func removeDirectory(_ path: Path, at directory: BorrowedDescriptor = .workingDirectory) throws(Fault) {
  _ = try path.withAddress { (address) throws(Fault) in
    try systemCall(
      "unlinkat", Int(SYS_unlinkat), directory.argument, address, Int(AT_REMOVEDIR),
      arguments: "\(directory.description), \(path.quoted), AT_REMOVEDIR")
  }
}

/// readlinkat(2). An empty path reads the link that `directory` is an O_PATH handle of.
package func readSymbolicLink(
  _ path: Path, at directory: BorrowedDescriptor = .workingDirectory
) throws(Fault) -> Path {
  var bytes = [UInt8](repeating: 0, count: 4096)
  let bytesCount = bytes.count
  let count = try bytes.withMutableAddress { (base) throws(Fault) in
    try path.withAddress { (address) throws(Fault) in
      try systemCall(
        "readlinkat", Int(SYS_readlinkat), directory.argument, address, base, bytesCount,
        arguments: "\(directory.description), \(path.quoted)")
    }
  }
  return Path(bytes: bytes[..<count]) ?? ""
}

/// The working directory, as the kernel names it: `(unreachable)…` when it is outside of the root.
package func workingDirectory() throws(Fault) -> Path {
  var bytes = [UInt8](repeating: 0, count: 4096)
  let bytesCount = bytes.count
  let count = try bytes.withMutableAddress { (base) throws(Fault) in
    try systemCall("getcwd", Int(SYS_getcwd), base, bytesCount)
  }
  return Path(bytes: bytes[..<max(0, count - 1)]) ?? ""
}

package func changeDirectory(_ path: Path) throws(Fault) {
  _ = try path.withAddress { (address) throws(Fault) in
    try systemCall("chdir", Int(SYS_chdir), address, arguments: path.quoted)
  }
}

package func changeDirectory(to directory: BorrowedDescriptor) throws(Fault) {
  _ = try systemCall("fchdir", Int(SYS_fchdir), directory.argument, arguments: directory.description)
}

package func changeRoot(_ path: Path) throws(Fault) {
  _ = try path.withAddress { (address) throws(Fault) in
    try systemCall("chroot", Int(SYS_chroot), address, arguments: path.quoted)
  }
}

/// Sets the file mode creation mask and returns the one before.
@discardableResult
package func setFileModeMask(_ mask: FileMode) -> FileMode {
  FileMode(rawValue: UInt32(truncatingIfNeeded: ckernel_syscall(Int(SYS_umask), Int(mask.rawValue), 0, 0, 0, 0, 0)))
}
