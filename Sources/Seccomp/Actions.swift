internal import Kernel
internal import RuntimeSpec

/// SECCOMP_RET_* (linux/seccomp.h), the errno or tracer's message in the low half. EPERM where none is given.
func returnValue(_ action: Spec.SeccompAction, _ errno: UInt32?) -> UInt32 {
  let low = (errno ?? UInt32(Errno.notPermitted.rawValue)) & 0xffff
  return switch action {
  case .kill, .killThread: killThread
  case .killProcess: 0x8000_0000
  case .trap: 0x0003_0000
  case .errno: 0x0005_0000 | low
  case .trace: 0x7ff0_0000 | low
  case .notify: notify
  case .allow: 0x7fff_0000
  case .log: 0x7ffc_0000
  }
}

let killThread: UInt32 = 0
let notify: UInt32 = 0x7fc0_0000

func error(_ errno: Errno) -> UInt32 { 0x0005_0000 | UInt32(errno.rawValue) }

/// How much an action lets through, as the kernel orders them: the action part as a signed number.
func precedence(_ action: UInt32) -> Int32 { Int32(bitPattern: action & 0xffff_0000) }

extension Spec.SeccompAction {
  /// "When the action doesn't support an errno, the runtime MUST print and error and fail" (config-linux.md).
  var takesErrno: Bool { self == .errno || self == .trace }
}
