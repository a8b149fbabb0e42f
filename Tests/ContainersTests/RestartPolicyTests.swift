import Containers
import Testing

@Suite struct RestartPolicyTests {
  private func end(_ code: Int32, count: Int = 0, delay: Int64 = 0, cause: ContainerState.Cause? = nil)
    -> ContainerState
  {
    var state = ContainerState(status: .exited)
    (state.exitCode, state.restartCount, state.restartDelay, state.cause) = (code, count, delay, cause)
    return state
  }

  @Test func words() {
    for text in ["no", "always", "unless-stopped", "on-failure", "on-failure:3"] {
      #expect(RestartPolicy(text)?.description == text)
    }
    for text in ["", "never", "always:3", "on-failure:", "on-failure:-1", "on-failure:x", "no:1"] {
      #expect(RestartPolicy(text) == nil, "\(text)")
    }
  }

  @Test func theDelayDoublesUpToAMinuteAndBeginsAnewAfterTenSeconds() {
    let policy = RestartPolicy(.always)
    var delay: Int64 = 0
    var seen: [Int64] = []
    for _ in 0..<12 {
      delay = policy.delay(after: end(1, delay: delay), lifetime: 9999) ?? -1
      seen.append(delay)
    }
    #expect(seen == [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
    #expect(policy.delay(after: end(1, delay: 60_000), lifetime: 10_000) == 100)
  }

  @Test func whichEndsAreAnswered() {
    #expect(RestartPolicy(.no).delay(after: end(1), lifetime: 0) == nil)
    #expect(RestartPolicy(.onFailure).delay(after: end(0), lifetime: 0) == nil)
    #expect(RestartPolicy(.onFailure, maximumRetries: 2).delay(after: end(1, count: 1), lifetime: 0) != nil)
    #expect(RestartPolicy(.onFailure, maximumRetries: 2).delay(after: end(1, count: 2), lifetime: 0) == nil)
    for cause in [ContainerState.Cause.stop, .kill, .removal, .restart, .unhealthy, .timeout] {
      #expect(RestartPolicy(.always).delay(after: end(137, cause: cause), lifetime: 0) == nil)
    }
    #expect(RestartPolicy(.no).delay(after: end(137, cause: .unhealthyRestart), lifetime: 0) != nil)
  }
}
