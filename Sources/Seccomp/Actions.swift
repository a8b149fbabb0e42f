internal import Kernel
internal import RuntimeSpec

/// SECCOMP_RET_* (linux/seccomp.h), the errno or tracer's message in the low half. EPERM where none is given.
func returnValue(_ action: Spec.SeccompAction, _ errno: UInt32?) throws(SeccompError) -> UInt32 {
  switch action {
  case .kill, .killThread: return killThread
  case .killProcess: return 0x8000_0000
  case .trap: return 0x0003_0000
  case .errno: return 0x0005_0000 | (errno ?? UInt32(Errno.notPermitted.rawValue)) & 0xffff
  case .trace: return 0x7ff0_0000 | (errno ?? UInt32(Errno.notPermitted.rawValue)) & 0xffff
  case .allow: return 0x7fff_0000
  case .log: return 0x7ffc_0000
  case .notify: throw .notSupported(action.rawValue)
  }
}

func error(_ errno: Errno) -> UInt32 { 0x0005_0000 | UInt32(errno.rawValue) }

/// How much an action lets through, as the kernel orders them: the action part as a signed number.
func precedence(_ action: UInt32) -> Int32 { Int32(bitPattern: action & 0xffff_0000) }

/// Why a profile is refused.
package enum SeccompError: Error, Hashable, Sendable {
  case notSupported(String)
  case unknownArchitecture(String)
  case unknownFlag(String)
  case badArgument(UInt32)
  case tooLarge
}

extension SeccompError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notSupported(let action): "seccomp: \(action) needs a listener, which Skiff does not offer"
    case .unknownArchitecture(let name): "seccomp: unknown architecture \"\(name)\""
    case .unknownFlag(let name): "seccomp: unknown flag \"\(name)\""
    case .badArgument(let index): "seccomp: a system call has no argument \(index): they are 0 to 5"
    case .tooLarge: "seccomp: the profile needs more than the 4096 instructions that the kernel takes"
    }
  }
}
