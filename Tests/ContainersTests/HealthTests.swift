import Containers
import JSON
import Kernel
import Testing

@Suite struct HealthTests {
  private let started = Timestamp(seconds: 1000, nanoseconds: 0)

  private func probe(_ code: Int32, at second: Int64) -> Health.Probe {
    let time = Timestamp(seconds: second, nanoseconds: 0)
    return Health.Probe(start: time, end: time, exitCode: code, output: "")
  }

  @Test func failuresInARowMakeItUnhealthyAndOneSuccessHealthy() {
    let check = HealthCheck(test: ["CMD", "true"])
    var health = Health()
    var seen: [Health.Status] = []
    for code in [1, 1, 0, 1, -1, 1, 1, 0] as [Int32] {
      health.take(probe(code, at: 1100), by: check, started: started)
      seen.append(health.status)
    }
    #expect(seen == [.starting, .starting, .healthy, .healthy, .healthy, .unhealthy, .unhealthy, .healthy])
    #expect(health.failingStreak == 0 && health.probes.map(\.exitCode) == [1, -1, 1, 1, 0])
  }

  @Test func theStartPeriodForgivesUntilTheFirstSuccess() {
    var check = HealthCheck(test: ["CMD", "true"])
    (check.startPeriod, check.retries) = (10_000_000_000, 1)
    var health = Health()
    health.take(probe(1, at: 1009), by: check, started: started)
    #expect(health.status == .starting && health.failingStreak == 0)
    #expect(health.pause(by: check, started: started, at: Timestamp(seconds: 1009, nanoseconds: 0)) == 5_000_000_000)
    #expect(health.pause(by: check, started: started, at: Timestamp(seconds: 1010, nanoseconds: 0)) == 30_000_000_000)
    var other = health
    health.take(probe(1, at: 1010), by: check, started: started)
    #expect(health.status == .unhealthy)
    other.take(probe(0, at: 1005), by: check, started: started)
    #expect(other.pause(by: check, started: started, at: Timestamp(seconds: 1005, nanoseconds: 0)) == 30_000_000_000)
    other.take(probe(1, at: 1006), by: check, started: started)
    #expect(other.status == .unhealthy)
  }

  @Test func whatIsWrittenIsReadAgain() throws {
    var check = HealthCheck(test: ["CMD-SHELL", "a b"])
    (check.answer, check.timeout) = (.restart, 7)
    #expect(try HealthCheck(parsing: check.jsonBytes()) == check)
    #expect(check.command == ["/bin/sh", "-c", "a b"])
    var health = Health()
    health.take(probe(3, at: 1001), by: check, started: started)
    #expect(try Health(parsing: health.jsonBytes()) == health)
  }
}
