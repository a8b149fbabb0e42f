internal import Kernel
internal import Steps

/// The part of a script that runs in the container's namespaces, in stages. A tool that changes the process itself (unshare,
/// nsenter, setsid) can only go on by exec, so each begins the next stage of the same file.
struct InsideScript {
  private(set) var lines: [String] = []
  private(set) var pivots = false
  private(set) var rootPropagation: Propagation?
  private var stage = 1
  private var hasTerminal = false

  init(_ run: ExplainedRun) {
    lines += ["set -eu", "stage_1() {"]
    // Its number as the host counts: procfs is still the host's.
    write(["read -r pid rest < /proc/self/stat", "echo \"pid $pid\" >&6"])
    // Of another user namespace, it may not: then it is put there from outside.
    if let cgroup = run.cgroup, !run.namespaces.contains(.user) { write(Step.cgroup(.join(cgroup, isV2: true))) }
    hasTerminal = (run.building + run.finishing).contains {
      if case .process(.openTerminal) = $0 { true } else { false }
    }
    // nsenter(1) reaches as root what the container's own user namespace would be kept from, when it has none yet.
    for step in run.joining { write(step) }
    for step in run.building { write(step) }
    write(["read -r go <&7"])
    var last: [ProcessStep] = []
    for step in run.finishing {
      if case .process(let process) = step, ProcessChain.takes(process) {
        last.append(process)
      } else {
        write(step)
      }
    }
    let chain = ProcessChain(last.map(Step.process), waitsForPivot: true)
    write(chain.commands)
    lines += ["}", "\"stage_$1\""]
  }

  private mutating func write(_ commands: [String]) {
    // A line inside a quoted word must not be indented.
    lines += commands.map { "  " + $0 }
  }

  private mutating func write(_ step: Step) {
    switch step {
    case .mount(.pivotRoot):
      pivots = true
    case .mount(.setRootPropagation(let propagation)):
      rootPropagation = propagation
    case .process(.awaitParent):
      break
    case .process(.setUmask(0)):
      // Skiff names the mode of all that it makes; mkdir -p makes the directories on its way as the umask has it.
      write(["umask 0022"])
    case .process(.setUser):
      // Before the mounts this is a new user namespace's own root, which nsenter(1) has become already.
      break
    case .process(.startSession) where hasTerminal:
      write(["# No session of its own: the terminal belongs to the one that the script was started in."])
    case .process(.unshare), .process(.enterTimeNamespace), .process(.joinNamespace), .process(.joinNamespaces),
      .process(.startSession):
      let explanation = Explanation(of: step)
      write(["# " + explanation.sentence])
      stage += 1
      for command in explanation.commands {
        let words = command.hasSuffix(" \"$@\"") ? String(command.dropLast(5)) : command
        write([words + " /bin/sh \"$work\"/inside \(stage)"])
      }
      lines += ["}", "stage_\(stage)() {", "  :"]
    default:
      let explanation = Explanation(of: step)
      write(["# " + explanation.sentence] + explanation.shell)
    }
  }
}
