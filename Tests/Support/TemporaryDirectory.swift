import Foundation
import Kernel

/// A directory of its own below /tmp, gone when `body` returns.
func withTemporaryDirectory<Result>(_ body: (Path) throws -> Result) throws -> Result {
  var template = Array("/tmp/skiff-test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw Fault("mkdtemp", Errno(rawValue: errno)) }
  let path = Path(bytes: template.dropLast().map { UInt8(bitPattern: $0) })!
  defer { try? removeTree(path) }
  return try body(path)
}

/// The same numbers for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    // SplitMix64
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Runs `body` again and again on a thread of its own while `work` runs.
func whileRepeating<Result>(_ body: @escaping @Sendable () -> Void, _ work: () throws -> Result) rethrows -> Result {
  let stop = Flag()
  let ended = DispatchSemaphore(value: 0)
  Thread {
    while !stop.isSet { body() }
    ended.signal()
  }.start()
  defer {
    stop.set()
    ended.wait()
  }
  return try work()
}

final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false
  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
}
