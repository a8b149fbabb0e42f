internal import Containers
internal import Kernel

extension Engine {
  /// Stops all that runs or waits to be started again, for a machine that goes down: all are signalled first, so that they end
  /// beside each other, and each has its own time. Their names.
  ///
  /// - Parameter timeout: in seconds, for all; nil is each container's own.
  package func stopAll(timeout: Int?) throws(Failure) -> [String] {
    var stopping: [(summary: ContainerSummary, pidfd: Int32)] = []
    for summary in try summaries(includingEnded: false) {
      if try endWaiting(summary.identifier, cause: .shutdown, named: summary.record.name) {
        stopping.append((summary, -1))
        continue
      }
      guard let pidfd = summary.state.process?.open() else { continue }
      announceEnd(.shutdown, of: summary.identifier)
      try? sendSignal(summary.record.stopSignal, to: pidfd.borrowed)
      thawPaused(summary.identifier)
      stopping.append((summary, pidfd.release()))
    }
    let begin = monotonicNanoseconds()
    for (summary, number) in stopping where number >= 0 {
      let pidfd = Descriptor(owning: number)
      let patience = timeout ?? summary.record.stopTimeout
      let passed = Int((monotonicNanoseconds() - begin) / 1_000_000)
      // A machine that goes down does not wait for ever.
      let rest = max(0, (patience < 0 ? 90 : min(patience, 3600)) * 1000 - passed)
      if (try? poll(pidfd.borrowed, .readable, milliseconds: rest))?.isEmpty == true {
        try? sendSignal(Signal.kill, to: pidfd.borrowed)
      }
    }
    for (summary, _) in stopping {
      guard let process = summary.state.process else { continue }
      try? waitForRest(of: store.files(of: summary.identifier), after: process)
    }
    return stopping.map(\.summary.record.name)
  }
}
