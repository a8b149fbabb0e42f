package import Cgroups
package import Kernel
package import RuntimeSpec
package import Steps

/// Compiles one more process into a running container, whose configuration is `spec` and whose first process is `pid`.
///
/// - Parameter subgroups: groups below the container's own, by the controller of v1 that they are for; `""` is every other.
package func compileExec(
  _ process: Spec.Process, in spec: Spec, pid: ProcessIdentifier, group: String?, subgroups: [String: String] = [:],
  layout: CgroupLayout, filter: SystemCallFilter?, newKeyring: String? = nil, limitsAreDefaults: Bool = true,
  identifier: String? = nil,
  host: HostFacts = HostFacts()
) throws(PlanningError) -> ExecPlan {
  var spec = spec
  spec.process = process
  var request = LaunchRequest(spec: spec, root: .directory("/"), rootfs: "/", group: group, layout: layout)
  request.filter = filter
  request.newKeyring = newKeyring
  request.limitsAreDefaults = limitsAreDefaults
  request.identifier = identifier
  request.host = host
  let compiler = try PlanCompiler(request, isExec: true)
  // Before the control groups, so that entering them costs none of the container's processors (config.md,
  // "execCPUAffinity").
  var joining = try compiler.initialProcessors()
  var cgroup: Path?
  if let group {
    do throws(CgroupError) {
      // The joiner, who is only passing through, is born in cgroup v2 (CLONE_INTO_CGROUP) and enters those of v1.
      joining += try layout.join(group, below: subgroups, includingUnified: false).map(Step.cgroup)
    } catch { throw PlanningError("", "\(error)", hint: error.hint) }
    let unified = subgroups[""].map { group + "/" + $0 } ?? group
    cgroup = layout.unified.map { $0.start.appending(Path(unified)) }
  }
  joining += compiler.joiningResourceControl()
  joining += try compiler.privilegedAttributes()
  joining.append(.process(.joinNamespaces(compiler.allNamespaces, of: pid)))
  var finishing = try compiler.identity()
  if process.terminal {
    let size = process.consoleSize
    finishing.insert(
      .process(.openTerminal(rows: UInt16(clamping: size?.height ?? 0), columns: UInt16(clamping: size?.width ?? 0))),
      at: 1)
  }
  // In the container's user namespace the joiner is nobody until it becomes its root, and a terminal that it opens would be
  // nobody's too.
  if compiler.hasUserNamespace { finishing.insert(.process(.setUser(user: 0, group: 0, supplementary: [])), at: 0) }
  var plan = ExecPlan(joining: joining, finishing: finishing, cgroup: cgroup, hasTerminal: process.terminal)
  // Of a group that was named no other will do.
  if subgroups[""] == nil { plan.leader = pid }
  return plan
}

extension PlanCompiler {
  /// Made or joined, a running container is in all of these.
  var allNamespaces: Namespaces {
    joined.reduce(created) { $0.union($1.namespace) }
  }
}
