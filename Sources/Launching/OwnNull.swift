internal import Kernel

/// A null device that nobody else has. crun gives the streams that it gets to the container's user (fchown(2)): of the host's
/// /dev/null he would be the owner from then on, and could close it to everybody.
func openOwnNull() throws(Fault) -> Descriptor {
  do throws(Fault) {
    // Attached nowhere, it is gone with the last who has it open.
    let context = try openFileSystem("tmpfs")
    let mount = try createMount(of: context.borrowed, attributes: [])
    try makeNode(
      "null", kind: .characterDevice, mode: 0o666, device: DeviceNumber(major: 1, minor: 3), at: mount.borrowed)
    return try open("null", .readWrite, at: mount.borrowed)
  } catch {
    // Before Linux 5.2.
    guard error.errno == .noSystemCall else { throw error }
    return try open("/dev/null", .readWrite)
  }
}

/// Whether it is a null device, the host's for instance.
func isNullDevice(_ stream: BorrowedDescriptor) -> Bool {
  guard let status = try? status(of: stream), status.kind == .characterDevice else { return false }
  return status.device == DeviceNumber(major: 1, minor: 3)
}
