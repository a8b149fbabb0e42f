internal import CKernel

/// Puts other words in the place of this process's own arguments, for whoever reads /proc/PID/cmdline. There is as much
/// room as the old ones had: what does not fit is cut off, and what is left over is cleared.
package func replaceArguments(with words: [Path]) {
  let old = joined(arguments().map { Path($0) })
  // The kernel lays the strings of argv and, right behind them, those of the environment at the top of the stack
  // (execve(2), fs/exec.c). PR_SET_MM_ARG_START would name the place, but needs CAP_SYS_RESOURCE.
  guard old.count > 1, let environment = unsafe ckernel_environment(), let end = unsafe environment[0] else { return }
  let start = unsafe UnsafeMutableRawPointer(end) - old.count
  let place = unsafe UnsafeMutableRawBufferPointer(start: start, count: old.count)
  // Words that are no text, or an environment that has moved: then it is not there, and stays as it is.
  guard unsafe place.elementsEqual(old) else { return }
  let new = joined(words).prefix(old.count - 1)
  for index in place.indices { unsafe place[index] = index < new.count ? new[index] : 0 }
}

/// As they lie in memory: a NUL after each.
private func joined(_ words: [Path]) -> [UInt8] {
  var bytes: [UInt8] = []
  for word in words {
    bytes.append(contentsOf: word.bytes)
    bytes.append(0)
  }
  return bytes
}
