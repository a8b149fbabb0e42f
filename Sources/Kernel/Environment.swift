internal import CKernel

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
  let prefix = Array((name + "=").utf8)
  return environment().first { $0.bytes.starts(with: prefix) }
    .map { String(decoding: $0.bytes.dropFirst(prefix.count), as: UTF8.self) }
}

/// The arguments of this process, the program's name first.
package func arguments() -> [String] { CommandLine.arguments }

/// Nanoseconds of CLOCK_MONOTONIC: for durations.
package func monotonicNanoseconds() -> UInt64 {
  let time = clock(CLOCK_MONOTONIC)
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
