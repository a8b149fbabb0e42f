package import Kernel

/// One change, as data. A plan is a list of these: executed, it runs the container; printed, it explains it; reversed, it
/// takes away what it made.
package enum Step: Hashable, Sendable {
  case file(FileStep)
  case mount(MountStep)
  case cgroup(CgroupStep)
  case network(NetworkStep)
  case process(ProcessStep)

  /// What takes the step back, nil when nothing outside of the container remembers it.
  package var undo: Step? {
    switch self {
    case .file(let step): step.undo.map(Step.file)
    case .cgroup(let step): step.undo.map(Step.cgroup)
    case .network(let step): step.undo.map(Step.network)
    case .process(.callRuntime(let call)): call.undo.map { .process(.callRuntime($0)) }
    // Mounts are made in the container's own mount namespace, and process attributes live in the process: both end with it.
    case .mount, .process: nil
    }
  }
}

/// A step that failed: which one of its plan, and what the kernel said.
package struct StepFailure: Error, Hashable, Sendable {
  package var step: Step
  package var fault: Fault
  package init(step: Step, fault: Fault) {
    self.step = step
    self.fault = fault
  }
}
