package import JSON
package import Kernel

/// What the health checks of a container's present life have shown. A whole new file after each.
package struct Health: Hashable, Sendable {
  package enum Status: String, Hashable, Sendable { case starting, healthy, unhealthy }

  /// One check.
  package struct Probe: Hashable, Sendable {
    package var start: Timestamp
    package var end: Timestamp
    /// -1 for one that took too long or could not be made.
    package var exitCode: Int32
    package var output: String

    package init(start: Timestamp, end: Timestamp, exitCode: Int32, output: String) {
      self.start = start
      self.end = end
      self.exitCode = exitCode
      self.output = output
    }
  }

  package var status = Status.starting
  /// Failures since the last success.
  package var failingStreak: Int64 = 0
  /// The last five, oldest first.
  package var probes: [Probe] = []

  package init() {}

  /// How much of what a check says is kept, in bytes, as docker has it.
  package static let outputLimit = 4096
  private static let kept = 5

  /// Takes one more check into account: docker's rules.
  ///
  /// - Parameter started: when the container's program began.
  package mutating func take(_ probe: Probe, by check: HealthCheck, started: Timestamp) {
    probes = Array((probes + [probe]).suffix(Self.kept))
    if probe.exitCode == 0 {
      (status, failingStreak) = (.healthy, 0)
      return
    }
    if status == .starting && isStarting(check, since: started, at: probe.start) { return }
    failingStreak += 1
    if failingStreak >= check.retries { status = .unhealthy }
  }

  /// Whether a failure at that moment does not count.
  private func isStarting(_ check: HealthCheck, since start: Timestamp, at time: Timestamp) -> Bool {
    let seconds = time.seconds - start.seconds
    guard seconds < Int64.max / 1_000_000_000 else { return false }
    return seconds * 1_000_000_000 + Int64(time.nanoseconds) - Int64(start.nanoseconds) < check.startPeriod
  }

  /// Nanoseconds until the next check: in the start period they are closer together, until the first success.
  package func pause(by check: HealthCheck, started: Timestamp, at time: Timestamp) -> Int64 {
    status == .starting && isStarting(check, since: started, at: time) ? check.startInterval : check.interval
  }
}

extension Health: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "status": status = Status(rawValue: try reader.string()) ?? .starting
      case "failingStreak": failingStreak = try reader.integer()
      case "probes": probes = try reader.list()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("status", status.rawValue)
      $0.member("failingStreak", failingStreak)
      $0.member("probes", probes)
    }
  }
}

extension Health.Probe: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    let none = Timestamp(seconds: 0, nanoseconds: 0)
    self.init(start: none, end: none, exitCode: 0, output: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "start": start = try reader.timestamp()
      case "end": end = try reader.timestamp()
      case "exitCode": exitCode = try reader.integer()
      case "output": output = try reader.string()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("start", start.pair)
      $0.member("end", end.pair)
      $0.member("exitCode", exitCode)
      $0.member("output", output)
    }
  }
}
