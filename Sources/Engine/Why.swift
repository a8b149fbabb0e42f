internal import Containers
internal import Kernel

// `why`: how a container ended, or why it does not run, in words.

/// One answer: what happened, and lines that say more, with what helps last.
package struct Explanation: Sendable {
  package var headline: String
  package var details: [String]
}

extension Engine {
  package func why(_ word: String) throws(Failure) -> Explanation {
    let identifier = try find(word)
    let record = try record(of: identifier)
    let state = try containerState(of: identifier)
    switch state.status {
    case .created where state.message.isEmpty:
      return Explanation(headline: "\(record.name) was never started", details: ["skiff start \(record.name) does it"])
    case .created: return Explanation(headline: "\(record.name) could not be started", details: [state.message])
    case .starting: return Explanation(headline: "\(record.name) is being started", details: [])
    case .running: return whyItRuns(identifier, record, state)
    case .restarting:
      var told = whyItEnded(identifier, record, state)
      told.headline =
        "\(record.name) waits \(milliseconds(state.restartDelay)) before it is started again, for the"
        + " \(ordinal(state.restartCount)) time: --restart \(record.restart.description)"
      return told
    case .exited: return whyItEnded(identifier, record, state)
    }
  }

  private func whyItRuns(
    _ identifier: ContainerIdentifier, _ record: ContainerRecord, _ state: ContainerState
  ) -> Explanation {
    if let process = state.process, !process.isRunning { return whyItIsNotNoted(record, process) }
    var told = Explanation(headline: "\(record.name) runs", details: [])
    if let started = state.started { told.details.append("since \(started.rfc3339)") }
    if isPaused(identifier) { told.details.append("it is paused; skiff unpause \(record.name) lets it go on") }
    if state.restartCount > 0 {
      told.details.append("its supervisor has started it again \(times(state.restartCount))")
    }
    if let health = health(of: identifier), record.health != nil {
      told.details.append("its health: \(health.status.rawValue)")
      if health.status == .unhealthy, let last = health.probes.last { told.details.append(words(last)) }
    }
    return told
  }

  /// Its supervisor notes the end at once, unless somebody has stopped that too: then `stop` and `rm -f` wait for it.
  private func whyItIsNotNoted(_ record: ContainerRecord, _ process: ProcessIdentity) -> Explanation {
    var told = Explanation(
      headline: "\(record.name) has ended, and its supervisor has not noted that yet", details: [])
    // Who has not been waited for still tells its parent.
    if let supervisor = parent(of: process.process), supervisor > 1,
      statusLine("State", of: supervisor)?.lowercased().hasPrefix("t") == true
    {
      told.details.append(
        "its supervisor, process \(supervisor), is stopped: kill -CONT \(supervisor) lets it go on")
    }
    return told
  }

  private func whyItEnded(
    _ identifier: ContainerIdentifier, _ record: ContainerRecord, _ state: ContainerState
  ) -> Explanation {
    var told = Explanation(headline: headline(record, state), details: [])
    if !state.message.isEmpty { told.details.append(state.message) }
    if !state.wasKilledForMemory { told.details += reasons(record, state) }
    if state.cause == .unhealthy || state.cause == .unhealthyRestart, let last = health(of: identifier)?.probes.last {
      told.details.append(words(last))
    }
    if state.peakMemory > 0 { told.details.append("the most memory that it had: \(binarySize(state.peakMemory))") }
    if state.restartCount > 0 && state.status == .exited {
      told.details.append("it had been started again \(times(state.restartCount)): \(restartWords(record, state))")
    }
    return told
  }

  private func headline(_ record: ContainerRecord, _ state: ContainerState) -> String {
    let name = record.name
    if state.started == nil || state.process == nil && state.finished == nil { return "\(name) could not be started" }
    if state.wasKilledForMemory { return "\(name) ran out of memory, exit code \(state.exitCode)" }
    switch state.cause {
    case .stop: return "\(name) was stopped, exit code \(state.exitCode)"
    case .kill: return "\(name) was killed by skiff kill, exit code \(state.exitCode)"
    case .removal: return "\(name) was killed to be removed"
    case .restart: return "\(name) was stopped to be started again, exit code \(state.exitCode)"
    case .shutdown: return "\(name) was stopped with the machine, exit code \(state.exitCode)"
    case .timeout: return "\(name) ran longer than it may, so it was killed: --timeout"
    case .unhealthy, .unhealthyRestart: return "\(name) was unhealthy, so it was stopped: --on-unhealthy"
    case nil: break
    }
    if let signal = state.signal {
      return "\(name) was killed by \(SignalName.name(of: signal)), exit code \(state.exitCode)"
    }
    return "\(name) ended by itself, exit code \(state.exitCode)"
  }

  private func reasons(_ record: ContainerRecord, _ state: ContainerState) -> [String] {
    switch (state.cause, state.signal) {
    case (.stop, Signal.kill), (.restart, Signal.kill):
      let signal = SignalName.name(of: record.stopSignal)
      return [
        "it did not end within its time after \(signal); a first process without a handler never gets it"
          + " (--init, --stop-signal and stop -t help)"
      ]
    case (nil, Signal.kill):
      return ["nobody here asked for that: another program of the host, or the kernel, sent it (dmesg may say)"]
    case (nil, Signal.badSystemCall): return [seccompReason(state)]
    case (nil, Signal.segmentationFault), (nil, Signal.busError), (nil, Signal.illegalInstruction):
      return ["a fault of the program itself, or of a machine that it was not built for"]
    case (nil, nil) where state.exitCode == 128 + Signal.badSystemCall:
      return exitReason(state.exitCode) + denial(record, state)
    case (nil, nil): return exitReason(state.exitCode)
    default: return []
    }
  }

  /// What programs mean by convention.
  private func exitReason(_ code: Int32) -> [String] {
    switch code {
    case 0: ["that is success"]
    case 126: ["a shell says so of a command that it may not execute"]
    case 127: ["a shell says so of a command that it does not find"]
    case 129...159:
      [
        "an init or a shell says so of a program that was killed by \(SignalName.name(of: code - 128))"
          + (code - 128 == Signal.badSystemCall ? ", as a filter of system calls (seccomp) does" : "")
      ]
    default: ["skiff logs says what it wrote before"]
    }
  }

  private func seccompReason(_ state: ContainerState) -> String {
    let filter = "a filter of system calls (seccomp) killed it"
    guard let process = state.lastProcess, let call = SeccompLog.deniedCall(of: process) else {
      return filter + ": --security-opt seccomp=FILE gives another"
    }
    return filter + " at \(call): --security-opt seccomp=FILE may allow it"
  }

  /// Below an init it was a process whose number nobody has.
  private func denial(_ record: ContainerRecord, _ state: ContainerState) -> [String] {
    guard let start = state.started, let end = state.finished,
      let denial = SeccompLog.denial(of: record.command.first ?? "", between: start, and: end)
    else { return ["--security-opt seccomp=FILE gives another filter"] }
    let cure = "--security-opt seccomp=FILE may allow it"
    if denial.isCertain { return ["the kernel's log has it: \(denial.program) was killed at \(denial.call): \(cure)"] }
    return [
      "in that time a filter killed \(denial.program) at \(denial.call), says the kernel's log; if it was here, \(cure)"
    ]
  }

  private func restartWords(_ record: ContainerRecord, _ state: ContainerState) -> String {
    switch record.restart.kind {
    case .onFailure where record.restart.maximumRetries > 0 && state.restartCount >= record.restart.maximumRetries:
      "as often as --restart \(record.restart.description) allows"
    default: "--restart \(record.restart.description)"
    }
  }

  private func words(_ probe: Health.Probe) -> String {
    let output = probe.output.split(separator: "\n").last.map { ": \($0)" } ?? ""
    return "the last check ended with \(probe.exitCode)\(output)"
  }

  private func milliseconds(_ count: Int64) -> String { count < 1000 ? "\(count) ms" : "\(count / 1000) s" }

  private func times(_ count: Int) -> String { count == 1 ? "once" : count == 2 ? "twice" : "\(count) times" }

  private func ordinal(_ count: Int) -> String {
    let isTeen = (11...13).contains(count % 100)
    switch count % 10 {
    case 1 where !isTeen: return "\(count)st"
    case 2 where !isTeen: return "\(count)nd"
    case 3 where !isTeen: return "\(count)rd"
    default: return "\(count)th"
    }
  }
}
