/// Typed system calls: every call is one thin function that throws `Fault`.
///
/// This is the only module that imports CKernel or Glibc. It may know the kernel's numbers, flag words and structures; it
/// may not know what a container is. EINTR is retried here and nowhere else.
internal import CKernel

/// One system call. The arguments are described only when it fails, so the description costs nothing on the way.
@inline(__always)
func systemCall(
  _ operation: StaticString, _ number: Int, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0,
  _ f: Int = 0, arguments: @autoclosure () -> String = ""
) throws(Fault) -> Int {
  while true {
    let result = ckernel_syscall(number, a, b, c, d, e, f)
    if result >= 0 { return result }
    let errno = Errno(rawValue: Int32(truncatingIfNeeded: -result))
    if errno == .interrupted { continue }
    throw Fault(operation, errno, arguments: arguments())
  }
}

/// The numeric address of a buffer, as the raw call takes it.
@inline(__always)
func address(_ pointer: UnsafeRawPointer?) -> Int { Int(bitPattern: pointer) }
@inline(__always)
func address(_ pointer: UnsafeMutableRawPointer?) -> Int { Int(bitPattern: pointer) }
