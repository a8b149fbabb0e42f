internal import Cgroups
internal import Kernel
internal import RuntimeSpec
internal import Steps

/// Compiles one more process into a running container.
package func compileExec(_ exec: JoinRequest) throws(PlanningError) -> ExecPlan {
  var request = LaunchRequest(
    spec: exec.spec, root: .directory("/"), rootfs: "/", group: exec.group, layout: exec.layout)
  request.spec.process = exec.process
  request.filter = exec.filter
  request.newKeyring = exec.newKeyring
  request.limitsAreDefaults = exec.limitsAreDefaults
  request.identifier = exec.identifier
  request.host = exec.host
  let compiler = try PlanCompiler(request, isExec: true)
  // Before the control groups, so that entering them costs none of the container's processors (config.md,
  // "execCPUAffinity").
  var joining = try compiler.initialProcessors()
  var cgroup: Path?
  if let group = exec.group {
    do throws(CgroupError) {
      // The one who joins is born in cgroup v2 (CLONE_INTO_CGROUP) and enters those of v1.
      joining += try exec.layout.join(group, below: exec.subgroups, includingUnified: false).map(Step.cgroup)
    } catch { throw PlanningError("", "\(error)", hint: error.hint) }
    let unified = exec.subgroups[""].map { group + "/" + $0 } ?? group
    cgroup = exec.layout.unified.map { $0.start.appending(Path(unified)) }
  }
  joining += compiler.joiningResourceControl()
  joining += try compiler.privilegedAttributes()
  joining.append(.process(.joinNamespaces(compiler.allNamespaces, of: exec.leader)))
  var finishing = try compiler.identity()
  if exec.process.terminal {
    let size = exec.process.consoleSize
    finishing.insert(
      .process(.openTerminal(rows: UInt16(clamping: size?.height ?? 0), columns: UInt16(clamping: size?.width ?? 0))),
      at: 1)
  }
  // In the container's user namespace the joiner is nobody until it becomes its root, and a terminal that it opens would be
  // nobody's too.
  if compiler.hasUserNamespace { finishing.insert(.process(.setUser(user: 0, group: 0, supplementary: [])), at: 0) }
  var plan = ExecPlan(joining: joining, finishing: finishing, cgroup: cgroup, hasTerminal: exec.process.terminal)
  plan.clonesOnce = !compiler.hasUserNamespace
  // Of a group that was named no other will do.
  if exec.subgroups[""] == nil { plan.leader = exec.leader }
  if let scope = exec.scope {
    plan.scope = ExecPlan.Scope(name: scope, subgroup: exec.subgroups[""].map { "/" + $0 } ?? "")
  }
  return plan
}

extension PlanCompiler {
  /// Made or joined, a running container is in all of these.
  var allNamespaces: Namespaces {
    joined.reduce(created) { $0.union($1.namespace) }
  }
}
