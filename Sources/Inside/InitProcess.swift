internal import Kernel

/// `--init`: PID 1 of the container stays ours. It reaps what is orphaned, passes signals on to the program, which is its
/// only child of note, and leaves with the program's status. Without it a program that is no init ignores SIGTERM (a
/// process with PID 1 has no default actions, pid_namespaces(7)) and leaves zombies.
///
/// Returns in the child, which goes on to execve; never in PID 1.
func becomeInit(of command: [Path]) throws(Fault) {
  // Blocked before the fork, so that none is lost between it and the loop. A fault of our own code still kills: the
  // kernel forces those.
  try setSignalMask(.set, .all)
  // By now the container's filter is loaded, and may know no clone3.
  guard let program = try fork() else {
    // A process group of its own in the foreground, so that what the terminal sends goes to the program. Taking it from
    // the background raises SIGTTOU, which would stop us here if it were not blocked.
    try startProcessGroup()
    if isTerminal(.standardInput) { try takeForeground(of: .standardInput) }
    try setSignalMask(.set, [])
    return
  }
  // The socket's end tells the parent that the program runs, and the lock tells the next command that the supervisor
  // lives: PID 1 must hold neither open.
  try closeDescriptors(from: 3, onExecute: false)
  // The supervisor's own words hold directories of the host.
  setProcessName("skiff-init")
  replaceArguments(with: ["skiff-init", "--"] + command)
  let signals = try SignalDescriptor(.all)
  while true {
    _ = try? poll(signals.borrowed, .readable)
    guard let report = try? signals.next() else { continue }
    if report.signal != Signal.child {
      try? sendSignal(report.signal, toProcess: program)
      continue
    }
    while let ended = try? wait(for: .anyChild, block: false) {
      if ended.process == program { exitNow(ended.status.code) }
    }
  }
}
