package import Kernel
package import Steps

/// A container as lists of steps, in the order and at the place where they run. It is data: nothing has happened yet.
///
/// ```
///   parent: host → clone ─┬─ wiring ─────────→ "go" ─┐             ┌→ undo, in reverse, when all is over
///   child:                └─ building → awaitParent ←┘→ finishing ─┴→ the program
/// ```
/// Where the clone itself has to come from inside a namespace of somebody else, a process of its own performs `joining` and
/// clones the child as its sibling (Launching/Passage.swift).
package struct LaunchPlan: Hashable, Sendable {
  /// In the parent, before there is a child: what the clone itself needs (cgroup v2), directories of the run.
  package var host: [Step]
  /// The namespaces of others that the container enters: opened and looked at before anything is made.
  package var joined: [JoinedNamespace] = []
  /// In a process that only passes through, before the clone: setns(2) on a PID namespace counts for children only, and what
  /// is cloned belongs to the user namespace that the cloner is in.
  package var joining: [Step] = []
  /// The namespaces that clone3 makes.
  package var namespaces: Namespaces
  /// cgroup v2: the directory the child is born in.
  package var cgroup: Path?
  /// In the parent, while the child builds: id maps, cgroups of v1, links, firewall.
  package var wiring: [Step]
  /// In the child at once: joined namespaces, mounts, devices.
  package var building: [Step]
  /// In the child when the parent is done: cgroup, addresses, pivot, masks, identity, the program.
  package var finishing: [Step]
  /// The program's standard streams are a pseudo terminal.
  package var hasTerminal: Bool
  /// PID 1 is an init of ours that reaps and forwards signals; the program is its child.
  package var hasInit: Bool
  /// The child stops right before its program until somebody starts it.
  package var waitsForStart = false
  /// Descriptors from 3 on that the program inherits.
  package var preservedDescriptors = 0
  /// For the hint of a program that does not start.
  package var stagingTarget: StagingTarget?
  /// Another OCI runtime makes the container; nil where we do.
  package var runtime: RuntimePlan?

  package init(
    host: [Step] = [], namespaces: Namespaces = [], cgroup: Path? = nil, wiring: [Step] = [], building: [Step] = [],
    finishing: [Step] = [], hasTerminal: Bool = false, hasInit: Bool = false
  ) {
    self.host = host
    self.namespaces = namespaces
    self.cgroup = cgroup
    self.wiring = wiring
    self.building = building
    self.finishing = finishing
    self.hasTerminal = hasTerminal
    self.hasInit = hasInit
  }

  /// The clone as a step, for those who print the plan.
  package var cloneStep: Step {
    if let runtime { return .process(.callRuntime(runtime.call)) }
    return .process(.clone(namespaces, cgroup: cgroup))
  }

  /// The name that the plan gives the container.
  package var hostname: String? {
    for case .process(.setHostname(let name)) in finishing { return name }
    return nil
  }

  /// Who answers for the calls that the filter does not decide.
  package var listener: FilterListener? { finishing.listener }

  package subscript(phase: Phase) -> [Step] {
    switch phase {
    case .preparation: []
    case .host: host
    case .joining: joining
    case .clone: [cloneStep]
    case .wiring: wiring
    case .building: building
    case .finishing: finishing
    }
  }
}

extension [Step] {
  var listener: FilterListener? {
    for case .process(.loadFilter(let filter)) in self { return filter.listener }
    return nil
  }
}

/// Where in the plan a step stands.
package enum Phase: UInt8, CaseIterable, Hashable, Sendable {
  /// In the command, before there is a supervisor: records and directories of the container.
  case preparation, host, clone, wiring, building, finishing
  /// Between `host` and `clone`; last, so that the numbers of the others stay.
  case joining
}

/// A namespace that is there already.
package struct JoinedNamespace: Hashable, Sendable {
  package var namespace: Namespaces
  /// On the host.
  package var path: Path
  /// What would happen to the host if the namespace were its own: then it is refused.
  package var danger: String?
  package init(_ namespace: Namespaces, _ path: Path, danger: String? = nil) {
    self.namespace = namespace
    self.path = path
    self.danger = danger
  }
}

/// A step that failed, and where in the plan it stood.
package struct PlanFailure: Error, Hashable, Sendable {
  package var phase: Phase
  package var index: Int
  package var step: Step?
  package var fault: Fault
  package init(phase: Phase, index: Int, step: Step?, fault: Fault) {
    self.phase = phase
    self.index = index
    self.step = step
    self.fault = fault
  }
}
