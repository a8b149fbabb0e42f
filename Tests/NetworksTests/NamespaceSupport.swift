import Glibc
import Kernel

// Network tests run in namespaces of their own. A namespace belongs to a thread, so each body gets a thread that ends with
// it: nothing leaks into the pool that runs the other tests, nor into the host.

/// Why tests that make namespaces cannot run here, or nil.
let namespacesAreMissing: String? = {
  let made = onThread { try unshare(.network) }
  if case .failure(let error) = made { return "no network namespace can be made: \(error)" }
  return nil
}()

/// Runs `body` on a thread of its own, in a new and empty network namespace.
func inNewNamespace<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
  try onThread {
    try unshare(.network)
    return try body()
  }.get()
}

/// Runs `body` on a thread of its own that has joined the namespace.
func inNamespace<Value: Sendable>(
  _ namespace: BorrowedDescriptor, _ body: @escaping @Sendable () throws -> Value
) throws -> Value {
  try onThread {
    try joinNamespace(namespace, .network)
    return try body()
  }.get()
}

/// A namespace without processes, as long as the descriptor is open.
func makeNamespace() throws -> Descriptor {
  let raw = try onThread {
    try unshare(.network)
    return try currentNamespace().release()
  }.get()
  return Descriptor(owning: raw)
}

/// Of the calling thread.
func currentNamespace() throws -> Descriptor { try open("/proc/thread-self/ns/net", .readOnly) }

/// Runs a program in the namespace of the calling thread; throws what it wrote when it fails.
@discardableResult
func run(_ command: String...) throws -> String { try run(command[0], arguments: Array(command.dropFirst())) }

@discardableResult
func run(_ program: String, arguments: [String]) throws -> String {
  let command = [program] + arguments
  let output = try makeMemoryFile("output")
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_adddup2(&actions, output.rawValue, 1)
  posix_spawn_file_actions_adddup2(&actions, output.rawValue, 2)
  // Foundation's Process reaps on another thread, which waits forever when the caller's has its own namespace.
  var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
  defer { for word in words { free(word) } }
  var child: pid_t = 0
  let code = posix_spawnp(&child, command[0], &actions, nil, &words, environ)
  guard code == 0 else { throw CommandFailure(command: command, output: String(cString: strerror(code))) }
  let status = try wait(for: .process(child))?.status
  let text = String(decoding: try output.borrowed.read(1 << 20, at: 0), as: UTF8.self)
  guard status?.code == 0 else { throw CommandFailure(command: command, output: text) }
  return text
}

struct CommandFailure: Error, CustomStringConvertible {
  var command: [String]
  var output: String
  var description: String { "\(command.joined(separator: " ")): \(output)" }
}

func isInstalled(_ program: String) -> Bool {
  ["/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"].contains { exists(Path($0 + program)) }
}

private func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) -> Result<Value, any Error> {
  let slot = Slot<Value>()
  join(startThread { slot.result = Result { try body() } })
  return slot.result ?? .failure(CommandFailure(command: [], output: "the thread ended without a result"))
}

/// Starts `body` on a thread of its own; the answer waits for its end and throws what it threw.
func background(_ body: @escaping @Sendable () throws -> Void) -> () throws -> Void {
  let slot = Slot<Void>()
  let thread = startThread { slot.result = Result { try body() } }
  return {
    join(thread)
    try slot.result?.get()
  }
}

/// Written by the thread, read after it was joined.
private final class Slot<Value: Sendable>: @unchecked Sendable {
  var result: Result<Value, any Error>?
}

private final class Body {
  let run: () -> Void
  init(_ run: @escaping () -> Void) { self.run = run }
}

private func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
  var thread = pthread_t()
  let argument = Unmanaged.passRetained(Body(body)).toOpaque()
  let code = pthread_create(
    &thread, nil,
    { argument in
      if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
      return nil
    }, argument)
  precondition(code == 0, "pthread_create: \(code)")
  return thread
}

private func join(_ thread: pthread_t) { pthread_join(thread, nil) }
