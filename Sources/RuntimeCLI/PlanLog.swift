internal import Explain
internal import Launching
internal import OCIRuntime
internal import Planning
internal import Steps

extension PreparedContainer {
  /// With --debug: what is about to happen, a line for each step. The sentences are made only then.
  func tell(_ log: RuntimeLog) {
    for (place, steps) in [
      ("host", plan.host), ("container", plan.building), ("host, meanwhile", plan.wiring),
      ("container", plan.finishing),
    ] {
      log.tell(steps, in: place)
    }
  }

  /// How long each step took, once the container is there.
  func tell(_ log: RuntimeLog, _ timings: [Launching.StepTiming]) {
    for timing in timings {
      let steps = plan[timing.phase]
      guard steps.indices.contains(timing.index) else { continue }
      log.debug("\(timing.nanoseconds / 1000) us \(timing.phase): \(Explanation(of: steps[timing.index]).sentence)")
    }
  }
}

extension RuntimeLog {
  func tell(_ steps: [Step], in place: String) {
    for step in steps { debug("\(place): \(Explanation(of: step).sentence)") }
  }
}
