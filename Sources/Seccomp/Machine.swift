/// The kind of machine a filter is for. Its kernel runs programs of several binary interfaces, and a filter answers for each.
package enum Machine: Hashable, Sendable, CaseIterable {
  case x86, arm

  /// The one this program was built for.
  package static var current: Machine {
    #if arch(x86_64)
      .x86
    #elseif arch(arm64)
      .arm
    #else
      #error("Skiff runs on x86-64 and arm64")
    #endif
  }

  /// The 64-bit one first.
  var interfaces: [BinaryInterface] {
    switch self {
    case .x86: [.x86Wide, .i386, .x32]
    case .arm: [.armWide, .armNarrow]
    }
  }

  /// As docker's profile files name it (GOARCH).
  var dockerName: String { self == .x86 ? "amd64" : "arm64" }
}

/// How a program calls the kernel: its numbers and the width of its arguments.
struct BinaryInterface: Hashable, Sendable {
  /// In the table of system calls.
  var column: Int
  /// AUDIT_ARCH_*, as seccomp_data has it (linux/audit.h).
  var audit: UInt32
  /// Arguments are 32 bits wide: of the kernel's 64 only the low ones are looked at, as libseccomp does it.
  var isNarrow: Bool
  /// What the kernel adds to every number: __X32_SYSCALL_BIT.
  var base: UInt32
  /// The OCI specification's name.
  var name: String
  /// socketcall(2) and ipc(2) stand for many calls, with the call's own arguments behind a pointer.
  var isMultiplexed: Bool

  static let x86Wide = BinaryInterface(
    column: 0, audit: 0xc000_003e, isNarrow: false, base: 0, name: "SCMP_ARCH_X86_64", isMultiplexed: false)
  static let i386 = BinaryInterface(
    column: 1, audit: 0x4000_0003, isNarrow: true, base: 0, name: "SCMP_ARCH_X86", isMultiplexed: true)
  static let x32 = BinaryInterface(
    column: 2, audit: 0xc000_003e, isNarrow: true, base: 0x4000_0000, name: "SCMP_ARCH_X32", isMultiplexed: false)
  static let armWide = BinaryInterface(
    column: 3, audit: 0xc000_00b7, isNarrow: false, base: 0, name: "SCMP_ARCH_AARCH64", isMultiplexed: false)
  static let armNarrow = BinaryInterface(
    column: 4, audit: 0x4000_0028, isNarrow: true, base: 0, name: "SCMP_ARCH_ARM", isMultiplexed: false)

  /// What the specification names and neither machine runs: listed in a profile, they change nothing here.
  private static let foreign = [
    "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB",
  ]

  /// All that a profile may list.
  static var knownNames: [String] {
    Machine.allCases.flatMap { $0.interfaces.map(\.name) } + foreign
  }

  static func isKnown(_ name: String) -> Bool { knownNames.contains(name) }
}

/// The names that a profile may list, for who tells others what is understood here.
package let seccompArchitectures = BinaryInterface.knownNames
package let seccompFlags = FilterFlags.named.map(\.name)
