internal import CKernel
internal import Glibc

/// The environment of this process, `NAME=VALUE` each, as it was handed over.
package func environment() -> [Path] {
  var found: [Path] = []
  guard let list = unsafe ckernel_environment() else { return found }
  var index = 0
  while let entry = unsafe list[index] {
    found.append(Path(unsafe String(cString: entry)))
    index += 1
  }
  return found
}

/// The value of one variable, or nil.
package func environment(_ name: String) -> String? {
  guard let list = unsafe ckernel_environment() else { return nil }
  var index = 0
  while let entry = unsafe list[index] {
    index += 1
    // Compared in place: a user's environment is long, and each variable would be copied for every question.
    let matches = name.utf8.enumerated().allSatisfy { unsafe UInt8(bitPattern: entry[$0.offset]) == $0.element }
    let length = name.utf8.count
    if matches, unsafe entry[length] == Int8(bitPattern: UInt8(ascii: "=")) {
      return unsafe String(cString: entry + length + 1)
    }
  }
  return nil
}

/// The arguments of this process, the program's name first.
package func arguments() -> [String] { CommandLine.arguments }

/// Nanoseconds of CLOCK_MONOTONIC: for durations.
package func monotonicNanoseconds() -> UInt64 {
  let time = clock(CLOCK_MONOTONIC)
  return UInt64(time.seconds) * 1_000_000_000 + UInt64(time.nanoseconds)
}

/// Nanoseconds of CLOCK_BOOTTIME, which /proc/PID/stat counts the start of a process in: it goes on while the machine sleeps.
package func bootNanoseconds() -> UInt64 {
  let time = clock(CLOCK_BOOTTIME)
  return UInt64(time.seconds) * 1_000_000_000 + UInt64(time.nanoseconds)
}

/// CLOCK_REALTIME.
package func now() -> Timestamp { clock(CLOCK_REALTIME) }

private func clock(_ identifier: Int32) -> Timestamp {
  var time = timespec()
  // The C library's form goes through the vDSO, without entering the kernel.
  _ = unsafe clock_gettime(identifier, &time)
  return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec))
}

/// Sets a variable that has no value yet, for this process and those that it starts. setenv(3) is for a process of one
/// thread: before anything else.
package func setEnvironment(_ name: String, unlessSetTo value: String) {
  _ = unsafe setenv(name, value, 0)
}
