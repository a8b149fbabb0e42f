/// What a file was compiled for: the instruction set, the word size and the byte order of its headers.
package struct Architecture: Hashable, Sendable {
  /// `e_machine` of elf(5).
  package var machine: UInt16
  package var is64Bit: Bool
  package var isBigEndian: Bool

  package init(machine: UInt16, is64Bit: Bool, isBigEndian: Bool = false) {
    self.machine = machine
    self.is64Bit = is64Bit
    self.isBigEndian = isBigEndian
  }

  package static let amd64 = Architecture(machine: 62, is64Bit: true)
  package static let i386 = Architecture(machine: 3, is64Bit: false)
  package static let x32 = Architecture(machine: 62, is64Bit: false)
  package static let arm64 = Architecture(machine: 183, is64Bit: true)

  /// The machine that this program was compiled for, which is the one it runs on.
  #if arch(x86_64)
    package static let host = amd64
  #elseif arch(arm64)
    package static let host = arm64
  #else
    #error("Skiff runs on x86_64 and arm64")
  #endif

  /// What the kernel of this machine starts: its own programs and, on x86_64, those of its 32-bit fore-runner.
  package var runsHere: Bool { self == .host || (Architecture.host == .amd64 && self == .i386) }

  /// `x86_64`, `aarch64`, as uname(1) has them.
  package var name: String {
    switch (machine, is64Bit) {
    case (62, true): "x86_64"
    case (62, false): "x32"
    case (3, _): "i386"
    case (183, true): "aarch64"
    case (40, _): "arm"
    case (243, true): "riscv64"
    case (243, false): "riscv32"
    case (21, _): isBigEndian ? "ppc64" : "ppc64le"
    case (20, _): "ppc"
    case (22, true): "s390x"
    case (22, false): "s390"
    case (8, _): is64Bit ? "mips64" : "mips"
    case (258, _): "loongarch64"
    case (2, _), (43, _): "sparc"
    default: "machine \(machine)"
    }
  }

  /// The directory that Debian's multiarch puts libraries in, below lib.
  package var triplet: String? {
    switch self {
    case .amd64: "x86_64-linux-gnu"
    case .i386: "i386-linux-gnu"
    case .x32: "x86_64-linux-gnux32"
    case .arm64: "aarch64-linux-gnu"
    default: nil
    }
  }

  /// The flag word that entries of ld.so.cache carry for this machine (glibc's sysdeps/generic/ldconfig.h).
  package var cacheFlags: UInt32? {
    switch self {
    case .amd64: 0x0303
    case .i386: 0x0003
    case .x32: 0x0803
    case .arm64: 0x0a03
    default: nil
    }
  }
}
