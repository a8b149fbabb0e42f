internal import Arguments
internal import Containers
internal import Engine

extension HealthRequest {
  /// The words of `run` about health.
  init(_ words: ParsedArguments) throws(UsageError) {
    self.init()
    isOff = words.flag("no-healthcheck")
    if let line = words.string("health-cmd"), !line.isEmpty { test = ["CMD-SHELL", line] }
    func time(_ name: String, least: Int64 = 1_000_000) throws(UsageError) -> Int64? {
      guard let value = try words.duration(name) else { return nil }
      guard value == 0 || value >= least else {
        throw words.bad(name, words.string(name) ?? "", "at least a millisecond, or 0 for what is usual")
      }
      return value
    }
    interval = try time("health-interval")
    timeout = try time("health-timeout")
    startPeriod = try time("health-start-period")
    startInterval = try time("health-start-interval")
    retries = try words.integer("health-retries", in: 0...1_000_000).map(Int64.init)
    let answers = HealthCheck.Answer.allCases.map(\.rawValue)
    answer = try words.choice("on-unhealthy", of: answers).flatMap(HealthCheck.Answer.init) ?? .none
    if isOff && (test != nil || answer != .none) {
      throw words.fail("--no-healthcheck and a health check do not go together")
    }
  }
}
