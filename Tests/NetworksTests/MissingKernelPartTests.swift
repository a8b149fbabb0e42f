import Kernel
import Networks
import Testing

/// A kernel that lacks a part says so by an errno that means nothing to a person; we name the part and the way to get it.
@Suite(.enabled(if: namespacesAreMissing == nil, "needs root: \(namespacesAreMissing ?? "")"))
struct MissingKernelPartTests {
  #if arch(x86_64)
    private static let socketNumber: UInt64 = 41
  #else
    private static let socketNumber: UInt64 = 198
  #endif

  /// From here on socket(2) of that netlink family answers EPROTONOSUPPORT on this thread, as without CONFIG_NETFILTER_NETLINK.
  private static func hideNetlink(family: UInt64) throws {
    func instruction(_ code: UInt64, _ jumpTrue: UInt64, _ jumpFalse: UInt64, _ constant: UInt64) -> UInt64 {
      code | jumpTrue << 16 | jumpFalse << 24 | constant << 32
    }
    try loadSystemCallFilter(
      [
        instruction(0x20, 0, 0, 0),  // load the number of the call
        instruction(0x15, 0, 5, socketNumber),
        instruction(0x20, 0, 0, 16), instruction(0x15, 0, 3, 16),  // the domain: AF_NETLINK
        instruction(0x20, 0, 0, 32), instruction(0x15, 0, 1, family),  // the protocol
        instruction(0x06, 0, 0, 0x0005_0000 | 93),  // SECCOMP_RET_ERRNO
        instruction(0x06, 0, 0, 0x7fff_0000),  // SECCOMP_RET_ALLOW
      ], flags: 0)
  }

  @Test func withoutNfTables() throws {
    try withStore { store in
      try Self.hideNetlink(family: 12)
      let error = #expect(throws: NetworkError.self) { _ = try store.ready("bridge") }
      #expect(error?.kind == .host && error?.message.contains("firewall") == true, "\(String(describing: error))")
      #expect(error?.hint?.contains("modprobe nf_tables") == true)
      #expect(try store.all().isEmpty)
      #expect(try readText("/proc/sys/net/ipv4/ip_forward") == "0")
    }
  }

  @Test func aReadOnlyStateDirectory() throws {
    try withStore { store in
      // A file where the directory should be stands in for every reason that nothing can be written there.
      try makeDirectories(store.run.parent, mode: 0o700)
      try replaceFile(store.run, with: [])
      let error = #expect(throws: NetworkError.self) { _ = try store.ready("bridge") }
      #expect(error?.fault?.errno == .notDirectory)
      #expect(try !run("ip", "link").contains("sk"))
    }
  }
}
