/// A set of capabilities(7): bit n is capability number n.
package struct CapabilitySet: FlagWord {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package init(number: Int) { self.rawValue = 1 << UInt64(number) }

  /// `CAP_NET_RAW`, with or without the prefix, in any case; nil for what the kernel's header does not know.
  package init?(name: String) {
    var wanted = name.uppercased()
    if !wanted.hasPrefix("CAP_") { wanted = "CAP_" + wanted }
    guard let number = Self.allNames.firstIndex(of: wanted) else { return nil }
    self.init(number: number)
  }

  /// The names by number, as capabilities(7) and linux/capability.h have them.
  package static let allNames: [String] = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
  ]

  package static let all = CapabilitySet(rawValue: 1 << 41 - 1)

  package static let changeOwner = CapabilitySet(number: 0)
  package static let overrideAccess = CapabilitySet(number: 1)
  package static let readSearch = CapabilitySet(number: 2)
  package static let fileOwner = CapabilitySet(number: 3)
  package static let fileSetIdentifier = CapabilitySet(number: 4)
  package static let kill = CapabilitySet(number: 5)
  package static let setGroup = CapabilitySet(number: 6)
  package static let setUser = CapabilitySet(number: 7)
  package static let setCapabilities = CapabilitySet(number: 8)
  package static let bindService = CapabilitySet(number: 10)
  package static let networkAdministration = CapabilitySet(number: 12)
  package static let rawNetwork = CapabilitySet(number: 13)
  package static let changeRoot = CapabilitySet(number: 18)
  package static let systemAdministration = CapabilitySet(number: 21)
  package static let systemResource = CapabilitySet(number: 24)
  package static let makeNode = CapabilitySet(number: 27)
  package static let auditWrite = CapabilitySet(number: 29)
  package static let setFileCapabilities = CapabilitySet(number: 31)

  /// The numbers of the set, lowest first. A bit above the names is a capability that only a newer kernel knows.
  package var numbers: [Int] { (0..<64).filter { rawValue & (1 << UInt64($0)) != 0 } }

  /// `CAP_CHOWN`, …; an unnamed bit is its number.
  package var names: [String] { numbers.map { $0 < Self.allNames.count ? Self.allNames[$0] : "\($0)" } }
}

extension CapabilitySet: CustomStringConvertible {
  /// `CAP_CHOWN|CAP_KILL`, as strace writes it; `0` for none.
  package var description: String { isEmpty ? "0" : names.joined(separator: "|") }
}
