package import JSON

/// `--health-*` and an image's HEALTHCHECK: a command that says by its exit code whether the container does its work.
package struct HealthCheck: Hashable, Sendable {
  /// `--on-unhealthy`
  package enum Answer: String, Hashable, Sendable, CaseIterable { case none, restart, stop }

  /// `CMD` and arguments, or `CMD-SHELL` and a line.
  package var test: [String]
  /// Nanoseconds, as all times here; docker's defaults.
  package var interval: Int64 = 30_000_000_000
  package var timeout: Int64 = 30_000_000_000
  /// In which a failure does not count.
  package var startPeriod: Int64 = 0
  /// Between checks in the start period.
  package var startInterval: Int64 = 5_000_000_000
  /// Failures in a row that make it unhealthy.
  package var retries: Int64 = 3
  package var answer = Answer.none

  package init(test: [String]) { self.test = test }

  /// What is executed in the container.
  package var command: [String] {
    switch test.first {
    case "CMD": Array(test.dropFirst())
    case "CMD-SHELL": ["/bin/sh", "-c"] + test.dropFirst().prefix(1)
    default: test
    }
  }
}

extension HealthCheck: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(test: [])
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "test": test = try reader.strings()
      case "interval": interval = try reader.integer()
      case "timeout": timeout = try reader.integer()
      case "startPeriod": startPeriod = try reader.integer()
      case "startInterval": startInterval = try reader.integer()
      case "retries": retries = try reader.integer()
      case "answer": answer = Answer(rawValue: try reader.string()) ?? .none
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("test", test)
      $0.member("interval", interval)
      $0.member("timeout", timeout)
      $0.member("startPeriod", startPeriod)
      $0.member("startInterval", startInterval)
      $0.member("retries", retries)
      $0.member("answer", answer.rawValue)
    }
  }
}
