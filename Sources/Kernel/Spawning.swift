internal import CKernel

/// Starts the program that `executable` is open on, as a process in a session of its own (posix_spawn(3)): without a copy
/// of this one's memory, which a fork would make page by page as both go on.
///
/// - Parameters:
///   - streams: what the program has as descriptors 0, 1, 2, …. They may not be among those numbers here.
///   - resetsSignals: it ignores and blocks none, whatever this one does.
/// - Returns: its number; nobody else reaps it.
/// - Throws: what execve(2) answered.
@discardableResult
package func spawn(
  _ executable: BorrowedDescriptor, arguments: [Path], environment: [Path], streams: [BorrowedDescriptor],
  resetsSignals: Bool = false
) throws(Fault) -> ProcessIdentifier {
  // Out of the way of the numbers that the program gets, for the child has both for a moment.
  let executable = try executable.duplicate(from: Int32(streams.count))
  // The child has the same descriptors until it executes, and /proc/self is its own by then.
  return try spawn(
    Path("/proc/self/fd/\(executable.rawValue)"), arguments: arguments, environment: environment, streams: streams,
    resetsSignals: resetsSignals)
}

/// The same for a path, which may also lead to a script: its interpreter could not open a descriptor that is gone by then.
///
/// - Parameter startsSession: false for a program that a person waits for: the terminal's signals reach it as they reach
///   this one.
package func spawn(
  _ path: Path, arguments: [Path], environment: [Path], streams: [BorrowedDescriptor], resetsSignals: Bool = false,
  startsSession: Bool = true
) throws(Fault) -> ProcessIdentifier {
  precondition(streams.allSatisfy { $0.rawValue > 2 }, "a stream would be covered by one before it")
  var actions = unsafe posix_spawn_file_actions_t()
  var attributes = posix_spawnattr_t()
  unsafe posix_spawn_file_actions_init(&actions)
  unsafe posix_spawnattr_init(&attributes)
  defer {
    unsafe posix_spawn_file_actions_destroy(&actions)
    unsafe posix_spawnattr_destroy(&attributes)
  }
  for (number, stream) in streams.enumerated() {
    unsafe posix_spawn_file_actions_adddup2(&actions, stream.rawValue, Int32(number))
  }
  var flags = startsSession ? Int16(POSIX_SPAWN_SETSID) : 0
  if resetsSignals {
    var signals = sigset_t()
    unsafe sigfillset(&signals)
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    flags |= Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
  }
  unsafe posix_spawnattr_setflags(&attributes, flags)
  var process: pid_t = 0
  let error = withPointers([path]) { paths in
    withPointers(arguments) { arguments in
      withPointers(environment) { environment in
        unsafe posix_spawn(
          &process, UnsafePointer<UnsafePointer<CChar>>(bitPattern: paths)![0], &actions, &attributes,
          UnsafePointer(bitPattern: arguments)!, UnsafePointer(bitPattern: environment)!)
      }
    }
  }
  if error != 0 {
    throw Fault(
      "posix_spawn", Errno(rawValue: error),
      arguments: "\(path.quoted), [\(arguments.map(\.quoted).joined(separator: ", "))]")
  }
  return process
}
