internal import Kernel

/// The time after which a container is killed (`--timeout`).
struct Deadline: ~Copyable {
  let timer: Timer
  private let announce: () -> Void

  init(after nanoseconds: UInt64, announce: @escaping () -> Void) throws(Fault) {
    let timer = try Timer()
    try timer.set(nanoseconds: nanoseconds)
    self.timer = timer
    self.announce = announce
  }

  /// The time has come.
  mutating func pass(_ process: BorrowedDescriptor) {
    guard let count = try? timer.take(), count > 0 else { return }
    announce()
    try? sendSignal(Signal.kill, to: process)
  }
}
