internal import Arguments
internal import Explain
internal import Launching
internal import OCIRuntime
internal import Planning

extension PreparedContainer {
  /// With --debug: what is about to happen, a line for each step. The sentences are made only then.
  func log(_ parsed: ParsedArguments) throws {
    guard parsed.inherited("debug") == "true" else { return }
    let log = try RuntimeLog(globals: parsed)
    for (place, steps) in [
      ("host", plan.host), ("container", plan.building), ("host, meanwhile", plan.wiring),
      ("container", plan.finishing),
    ] {
      for step in steps { log.debug("\(place): \(Explanation(of: step).sentence)") }
    }
  }

  /// How long each step took, once the container is there.
  func log(_ timings: [Launching.StepTiming], _ parsed: ParsedArguments) throws {
    guard !timings.isEmpty else { return }
    let log = try RuntimeLog(globals: parsed)
    for timing in timings {
      let steps = plan[timing.phase]
      guard steps.indices.contains(timing.index) else { continue }
      log.debug("\(timing.nanoseconds / 1000) us \(timing.phase): \(Explanation(of: steps[timing.index]).sentence)")
    }
  }
}
