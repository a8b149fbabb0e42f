/// `--restart`: whether a container that has ended is started again by its supervisor, and at the next boot.
package struct RestartPolicy: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable {
    case no
    case onFailure = "on-failure"
    case always
    case unlessStopped = "unless-stopped"
  }

  package var kind: Kind
  /// Of `on-failure:N`: how often at most; 0 is without limit.
  package var maximumRetries: Int

  package init(_ kind: Kind = .no, maximumRetries: Int = 0) {
    self.kind = kind
    self.maximumRetries = maximumRetries
  }

  /// `no`, `always`, `unless-stopped`, `on-failure`, `on-failure:3`; nil for anything else.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let kind = Kind(rawValue: String(parts[0])) else { return nil }
    self.init(kind)
    guard parts.count == 2 else { return }
    guard kind == .onFailure, let count = Int(parts[1]), count >= 0 else { return nil }
    maximumRetries = count
  }

  package var description: String {
    kind == .onFailure && maximumRetries > 0 ? "\(kind.rawValue):\(maximumRetries)" : kind.rawValue
  }

  // MARK: - What it decides

  /// Docker's: from 100 ms, doubled each time, a minute at most; from the start again after ten seconds of life.
  private static let firstDelay: Int64 = 100
  private static let longestDelay: Int64 = 60_000
  private static let settledAfter: Int64 = 10_000

  /// How long to wait before the container is started again; nil when it stays as it is.
  ///
  /// - Parameters:
  ///   - end: how it ended, with what was waited for before this life of it.
  ///   - lifetime: of this life, in milliseconds.
  package func delay(after end: ContainerState, lifetime: Int64) -> Int64? {
    guard wants(end) else { return nil }
    if lifetime >= Self.settledAfter || end.restartDelay <= 0 { return Self.firstDelay }
    return min(end.restartDelay * 2, Self.longestDelay)
  }

  private func wants(_ end: ContainerState) -> Bool {
    // Who makes it end for being unhealthy says what is to follow.
    switch end.cause {
    case .unhealthyRestart: return true
    case .stop, .kill, .removal, .restart, .unhealthy, .timeout, .shutdown: return false
    case nil: break
    }
    switch kind {
    case .no: return false
    case .always, .unlessStopped: return true
    case .onFailure: return end.exitCode != 0 && (maximumRetries == 0 || end.restartCount < maximumRetries)
    }
  }

  /// Whether the container is to run after a boot. One that a person has stopped stays stopped, but with `always`.
  package func startsAtBoot(_ end: ContainerState) -> Bool {
    let isStopped = end.cause == .stop || end.cause == .kill
    switch kind {
    case .no: return false
    case .always: return end.status != .created
    case .unlessStopped: return end.status != .created && !isStopped
    case .onFailure:
      if end.cause == .shutdown { return true }
      return end.status == .exited && !isStopped && end.exitCode != 0
        && (maximumRetries == 0 || end.restartCount < maximumRetries)
    }
  }
}
