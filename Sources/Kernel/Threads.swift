internal import CKernel

// Threads for bulk work. A container is started by a single-threaded process, so each of them is gone, from the kernel's
// view too, before its owner goes on.

/// A thread of this process that its owner waits for: letting go of it joins it. It takes no signals; they stay with the
/// thread that was there first.
package struct Thread: ~Copyable, Sendable {
  private let handle: pthread_t
  private let identifier: Monitor<Int32?>

  /// - Parameters:
  ///   - name: at most 15 bytes, as `top -H` shows it.
  ///   - body: runs in the new thread; what ends it early is between it and the others.
  package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Fault) {
    let identifier = Monitor<Int32?>(nil)
    let start = Start(name: Path(name), identifier: identifier, body: body)
    var (all, before) = (sigset_t(), sigset_t())
    unsafe sigfillset(&all)
    // Before the thread is there, which begins with the mask of its maker.
    unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    var handle = pthread_t()
    let box = unsafe Unmanaged.passRetained(start)
    let code = unsafe pthread_create(&handle, nil, runThread, box.toOpaque())
    guard code == 0 else {
      unsafe box.release()
      throw Fault("pthread_create", Errno(rawValue: code), arguments: name)
    }
    self.handle = handle
    self.identifier = identifier
  }

  /// Waits until the thread is gone. pthread_join(3) returns a moment before the kernel has taken it out of the process, and
  /// unshare(2) and setns(2) of a user namespace refuse a process that has more than one.
  deinit {
    let thread = identifier.wait { $0 }
    pthread_join(handle, nil)
    let process = Int(processIdentifier())
    while ckernel_syscall(Int(SYS_tgkill), process, Int(thread), 0, 0, 0, 0) == 0 {
      _ = ckernel_syscall(Int(SYS_sched_yield), 0, 0, 0, 0, 0, 0)
    }
  }

  package consuming func join() {}
}

/// Runs `body` in so many threads at once, the calling one among them, and returns when all of them are done.
package func performConcurrently(_ count: Int, _ name: String, _ body: @escaping @Sendable () -> Void) throws(Fault) {
  /// An array cannot own a value that cannot be copied.
  final class Owner {
    let thread: Thread
    init(_ thread: consuming Thread) { self.thread = thread }
  }
  var owners: [Owner] = []
  for _ in 1..<max(1, count) { owners.append(Owner(try Thread(name, body))) }
  body()
  owners.removeAll()
}

private final class Start: Sendable {
  let name: Path
  let identifier: Monitor<Int32?>
  let body: @Sendable () -> Void

  init(name: Path, identifier: Monitor<Int32?>, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.identifier = identifier
    self.body = body
  }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument = unsafe argument else { return nil }
  let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
  start.name.withAddress { _ = ckernel_syscall(Int(SYS_prctl), Int(PR_SET_NAME), $0, 0, 0, 0, 0) }
  start.identifier.update { $0 = Int32(truncatingIfNeeded: ckernel_syscall(Int(SYS_gettid), 0, 0, 0, 0, 0, 0)) }
  start.body()
  return nil
}

/// unshare(2) with CLONE_FS: the calling thread has a working directory and a file mode mask of its own from now on.
package func unshareFileSystemContext() throws(Fault) {
  _ = try systemCall("unshare", Int(SYS_unshare), Int(CLONE_FS), arguments: "CLONE_FS")
}

/// Processors that this process may run on (sched_getaffinity(2)); at least 1.
package func usableProcessorCount() -> Int {
  var mask = [UInt8](repeating: 0, count: 1024)
  let room = mask.count
  let size = mask.withMutableAddress {
    ckernel_syscall(Int(SYS_sched_getaffinity), 0, room, $0, 0, 0, 0)
  }
  return max(1, mask.prefix(max(0, size)).reduce(0) { $0 + $1.nonzeroBitCount })
}

/// A value that several threads share (Hoare's monitor): one at a time sees it, and whoever waits for something looks again
/// after every change.
@safe package final class Monitor<State>: @unchecked Sendable {
  private var state: State
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>

  package init(_ state: State) {
    self.state = state
    unsafe mutex = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe changed = .allocate(capacity: 1)
    unsafe pthread_cond_init(changed, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(changed)
    unsafe changed.deallocate()
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Changes the value.
  @discardableResult
  package func update<Result>(_ body: (inout State) -> Result) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer {
      unsafe pthread_cond_broadcast(changed)
      unsafe pthread_mutex_unlock(mutex)
    }
    return body(&state)
  }

  /// Waits until `body` has an answer; it may change the value when it gives one, and only then.
  @discardableResult
  package func wait<Result>(until body: (inout State) -> Result?) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer {
      unsafe pthread_cond_broadcast(changed)
      unsafe pthread_mutex_unlock(mutex)
    }
    while true {
      if let result = body(&state) { return result }
      unsafe pthread_cond_wait(changed, mutex)
    }
  }
}
