import Testing

@testable import Kernel

@Suite struct FileLocksTests {
  private let device = DeviceNumber(major: 0xfe, minor: 0x1f)

  @Test func readsTheTable() {
    let table = """
      1: FLOCK  ADVISORY  WRITE 4711 fe:1f:393 0 EOF
      1: -> FLOCK  ADVISORY  WRITE 4712 fe:1f:394 0 EOF
      2: FLOCK  ADVISORY  READ 4713 fe:1f:395 0 EOF
      3: POSIX  ADVISORY  WRITE 4714 fe:1f:396 0 EOF
      4: FLOCK  ADVISORY  WRITE 4715 fe:1f:18446744073709551615 0 EOF
      5: FLOCK  ADVISORY  WRITE 4716 fe:1f:18446744073709551616 0 EOF
      6: FLOCK  ADVISORY  WRITE 4717 fe:1g:397 0 EOF
      7: FLOCK  ADVISORY
      """
    let locks = FileLocks(table: Array(table.utf8))
    #expect(locks.holder(ofInode: 393, on: device) == 4711)
    #expect(locks.holder(ofInode: .max, on: device) == 4715)
    for inode: UInt64 in [394, 395, 396, 397, 0] { #expect(locks.holder(ofInode: inode, on: device) == nil) }
    #expect(locks.holder(ofInode: 393, on: DeviceNumber(major: 0xfe, minor: 0x1e)) == nil)
  }

  @Test func seesALockOfItsOwn() throws {
    try withTemporaryDirectory { directory in
      let file = try open(directory.appending("lock"), [.readWrite, .create], mode: 0o600)
      let status = try status(of: file.borrowed)
      #expect(FileLocks.read().holder(ofInode: status.inode, on: status.fileSystem) == nil)
      #expect(try file.borrowed.tryLock(.exclusive))
      #expect(FileLocks.read().holder(ofInode: status.inode, on: status.fileSystem) == processIdentifier())
      let entry = try entries(of: directory).first
      #expect(entry?.inode == status.inode)
    }
  }
}
