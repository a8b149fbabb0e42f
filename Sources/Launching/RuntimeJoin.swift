package import Inside
internal import Kernel
package import Planning
internal import Steps

// One more program in a container of another OCI runtime's.

/// Performs the plan up to the running program, which is this process's child. Nothing of the call stays behind.
///
/// - Parameter said: as with `launchByRuntime`.
package func joinByRuntime(
  _ plan: ExecPlan, _ runtime: RuntimePlan, streams: StandardStreams
) throws(PlanFailure) -> JoinedProcess {
  defer { try? removeTree(runtime.directory) }
  var index = 0
  do throws(Fault) {
    for step in plan.joining {
      _ = try performOnHost(step)
      index += 1
    }
  } catch { throw PlanFailure(phase: .building, index: index, step: plan.joining[index], fault: error) }
  do throws(Fault) { return try join(runtime, streams) } catch {
    throw PlanFailure(phase: .finishing, index: 0, step: plan.finishing.first, fault: error)
  }
}

private func join(_ runtime: RuntimePlan, _ streams: StandardStreams) throws(Fault) -> JoinedProcess {
  let console = try RuntimeConsole.listening(at: runtime.console)
  try setChildSubreaper(true)
  defer { try? setChildSubreaper(false) }
  var scene = RuntimeCallScene(streams: streams)
  scene.replacement = console.replacement
  if runtime.console != nil { scene.streams = nil }
  do throws(RuntimeFailure) { try runtime.call.run(in: scene) } catch { throw error.fault }
  let process = try adoptedProcess(runtime.processFile)
  let pidfd = try openProcess(process)
  let terminal = try console.take()
  return JoinedProcess(process: process, pidfd: pidfd, terminal: terminal, timings: [])
}
