#if FAULT_INJECTION
  /// The fault tests' kill switch, in debug builds only: `SKIFF_KILL_AT=phase:index` ends this process as kill -9 would,
  /// right before that step, so that a test can walk a whole plan and look at what is left.
  private let killAt = environment("SKIFF_KILL_AT")
#endif

/// Called between any two steps. Nothing in a release build.
@inline(__always)
package func passKillSwitch(_ phase: @autoclosure () -> String, _ index: Int) {
  #if FAULT_INJECTION
    guard let killAt, killAt == "\(phase()):\(index)" else { return }
    try? sendSignal(9, toProcess: processIdentifier())
    // PID 1 of a namespace is deaf to its own SIGKILL (pid_namespaces(7)); leaving at once looks the same from outside.
    exitNow(137)
  #endif
}
