internal import Cgroups
internal import Containers
internal import Kernel
internal import Launching
internal import Monitoring
internal import Planning
internal import Privileges
internal import RuntimeSpec
internal import Seccomp
package import Steps

extension Engine {
  /// Performs steps on the host, in order; when one fails, what those before it made is taken back.
  package func performAll(_ steps: [Step], phase: String) throws(StepFailure) {
    var done: [Step] = []
    for (index, step) in steps.enumerated() {
      passKillSwitch(phase, index)
      do throws(Fault) {
        if try performOnHost(step) {
          if let undo = step.undo { done.append(undo) }
        } else if case .file(.makeSymbolicLink(let path, let target)) = step, try readSymbolicLink(path) != target {
          // A name that leads to another container: of two with one name, only one may win.
          throw Fault("symlinkat", .exists, arguments: "\(target.quoted), \(path.quoted)")
        }
      } catch {
        _ = performUndo(done.reversed())
        throw StepFailure(step: step, fault: error)
      }
    }
  }

  /// Kills all that is in the container's groups; for a start that went wrong after the program was running.
  func killAll(of identifier: ContainerIdentifier) {
    guard let layout = try? CgroupLayout.detect() else { return }
    try? group(of: identifier, in: layout)?.kill()
  }

  /// In words, when the kernel killed for memory: the limit and the victim.
  func memoryKill(of identifier: ContainerIdentifier, in layout: CgroupLayout) -> String? {
    guard let report = group(of: identifier, in: layout)?.outOfMemory() else { return nil }
    let limit = report.limit.map { "its memory limit of \(binarySize($0))" } ?? "its memory limit"
    let victim = report.victim.map { "\($0.name) (pid \($0.process))" } ?? "a process"
    return "the kernel killed \(victim) because the container reached \(limit); raise it with -m"
  }

  func binarySize(_ bytes: UInt64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] where bytes >= 1 << UInt64(shift) {
      let tenths = ((bytes >> UInt64(shift - 10)) * 10) >> 10
      return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }
    return "\(bytes) bytes"
  }

  /// One step's time as the command that asked for --timings reads it.
  func line(_ timing: StepTiming) -> String { "\(timing.phase.rawValue) \(timing.index) \(timing.nanoseconds)" }
}
