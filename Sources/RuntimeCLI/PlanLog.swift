internal import Arguments
internal import Explain
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
}
