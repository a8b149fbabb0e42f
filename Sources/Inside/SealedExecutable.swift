package import Kernel

/// This program's own file, as something that a container cannot write to: what enters a container runs from it
/// (CVE-2019-5736: `/proc/self/exe` opened for writing from inside).
///
/// It is a detached, read-only clone of the mount that the executable lies on, which no path leads to and no other mount
/// namespace can remount. Where the kernel or a filter has no open_tree, it is a sealed copy in memory.
package func openSealedExecutable() throws(Fault) -> Descriptor {
  do throws(Fault) {
    let clone = try cloneExecutable()
    try setMountAttributes(of: clone.borrowed, set: [.readOnly], recursive: false)
    return clone
  } catch {
    if error.errno != .noSystemCall && error.errno != .notPermitted && error.errno != .invalid { throw error }
    return try copyExecutableToSealedMemory()
  }
}

private func cloneExecutable() throws(Fault) -> Descriptor {
  do throws(Fault) { return try cloneMount("/proc/self/exe", recursive: false) } catch {
    guard error.errno == .invalid else { throw error }
    // The mount that it was started from is not of this process's mount namespace. What lies at its path in this one is
    // taken if it is the same file.
    let clone = try cloneMount(readSymbolicLink("/proc/self/exe"), recursive: false)
    let (own, found) = (try status(of: "/proc/self/exe"), try status(of: clone.borrowed))
    guard own.inode == found.inode, own.fileSystem == found.fileSystem else { throw error }
    return clone
  }
}

/// Whether this process already runs from such a file: then `/proc/self/exe` is on a read-only mount, or in memory and
/// sealed. That it lies in memory says nothing: a program that was copied to /dev/shm does too.
package func runsFromSealedExecutable() -> Bool {
  guard let file = try? open("/proc/self/exe", .readOnly), let status = try? fileSystemStatus(of: file.borrowed) else {
    return false
  }
  return status.isReadOnly || isSealedAgainstWrites(file.borrowed)
}

private func copyExecutableToSealedMemory() throws(Fault) -> Descriptor {
  let source = try open("/proc/self/exe", .readOnly)
  let copy = try makeMemoryFile("skiff")
  var buffer = [UInt8](repeating: 0, count: 1 << 20)
  while true {
    let count = try source.borrowed.read(into: &buffer)
    if count == 0 { break }
    try copy.borrowed.write(buffer[..<count])
  }
  try sealMemoryFile(copy.borrowed)
  // A descriptor that may write would make execve answer ETXTBSY.
  return try open("/proc/self/fd/\(copy.rawValue)", .readOnly)
}

/// Replaces this process by itself from a sealed executable, for a command that will enter a container (`exec`). Returns
/// when it runs from one already.
///
/// What else the caller left open is closed: nothing of it is wanted here, and a container that waits to be started would keep
/// it open for as long as it waits (CVE-2024-21626).
///
/// - Parameter preserved: how many descriptors from 3 on are meant for the container.
/// - Returns: a descriptor of the executable that is still open, when it was sealed before this program had begun
///   (CKernel/Entry.c). Whoever closes it last waits for RCU: `launch` and `join` do that while they wait anyway.
@discardableResult
package func sealExecutable(preserving preserved: Int = 0) throws(Fault) -> BorrowedDescriptor? {
  if runsFromSealedExecutable() {
    let first = Int32(3 + preserved)
    guard let number = environment("SKIFF_SEALED").flatMap(Int32.init), number >= first else {
      try closeDescriptors(from: first, onExecute: false)
      return nil
    }
    if number > first { try closeDescriptors(from: first, through: number - 1, onExecute: false) }
    try closeDescriptors(from: number + 1, onExecute: false)
    let executable = BorrowedDescriptor(rawValue: number)
    return (try? executable.setCloseOnExecute()) == nil ? nil : executable
  }
  let executable = try openSealedExecutable()
  throw execute(
    executable.borrowed, arguments: arguments().map { Path($0) }, environment: environment())
}
