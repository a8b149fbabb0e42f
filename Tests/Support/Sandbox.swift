import Foundation
import Kernel

/// What a test inside a sandbox found wrong; `require` throws it.
struct Broken: Error, CustomStringConvertible {
  var description: String
}

func require(_ condition: @autoclosure () throws -> Bool, _ what: @autoclosure () throws -> String) throws {
  if try !condition() { throw Broken(description: try what()) }
}

/// The errno of the fault that `body` throws, nil when it throws none.
func errno(of body: () throws -> Void) throws -> Errno? {
  do {
    try body()
    return nil
  } catch let fault as Fault { return fault.errno }
}

/// Runs `body` on a thread in namespaces of its own: a mount namespace at least, from which nothing travels to the host.
/// A thread may do so where a process of many threads may not fork: unshare(2), seccomp(2), chdir(2) and pivot_root(2) act
/// on the one that calls once it shares its file system attributes with nobody. Everything mounted ends with the thread.
func inSandbox<Result>(
  _ namespaces: Namespaces = [], hiding calls: [SystemCallNumber] = [],
  _ body: @escaping @Sendable () throws -> Result
) throws -> Result {
  let outcome = Outcome<Result>()
  Thread {
    outcome.value = .init {
      try unshare(namespaces.union(.mount))
      try mount(source: "", on: "/", flags: [.private, .recursive])
      if !calls.isEmpty { try hide(calls) }
      return try body()
    }
    outcome.ended.signal()
  }.start()
  outcome.ended.wait()
  return try outcome.value!.get()
}

private final class Outcome<Result>: @unchecked Sendable {
  var value: Swift.Result<Result, any Error>?
  let ended = DispatchSemaphore(value: 0)
}

/// Numbers that are the same on every architecture.
enum SystemCallNumber: UInt64, CaseIterable, Sendable {
  case openTree = 428
  case moveMount = 429
  case openFileSystem = 430
  case configureFileSystem = 431
  case createMount = 432
  case openat2 = 437
  case setMountAttributes = 442
}

/// From here on the calls answer ENOSYS on this thread, as under an old kernel or a filter that does not know them.
private func hide(_ calls: [SystemCallNumber]) throws {
  // struct sock_filter in one word: code, jump if true, jump if false, constant.
  func instruction(_ code: UInt64, _ jumpTrue: UInt64, _ jumpFalse: UInt64, _ constant: UInt64) -> UInt64 {
    code | jumpTrue << 16 | jumpFalse << 24 | constant << 32
  }
  var program = [instruction(0x20, 0, 0, 0)]  // load the number of the call
  for call in calls {
    program.append(instruction(0x15, 0, 1, call.rawValue))  // equal: next, else one further
    program.append(instruction(0x06, 0, 0, 0x0005_0000 | 38))  // SECCOMP_RET_ERRNO, ENOSYS
  }
  program.append(instruction(0x06, 0, 0, 0x7fff_0000))  // SECCOMP_RET_ALLOW
  try loadSystemCallFilter(program, flags: 0)
}

/// One line of this thread's mountinfo (proc_pid_mountinfo(5)).
struct MountLine {
  var root: String
  var point: String
  var options: Set<String>
  var tags: [String]
  var type: String
  var source: String
  var superOptions: Set<String>

  static func all(_ path: Path = "/proc/thread-self/mountinfo") throws -> [MountLine] {
    try readText(path).split(separator: "\n").map { line in
      let words = line.split(separator: " ").map(String.init)
      let dash = words.firstIndex(of: "-")!
      return MountLine(
        root: words[3], point: words[4], options: Set(words[5].split(separator: ",").map(String.init)),
        tags: Array(words[6..<dash]), type: words[dash + 1], source: words[dash + 2],
        superOptions: Set(words[dash + 3].split(separator: ",").map(String.init)))
    }
  }

  /// What is on top at `point`.
  static func at(_ point: String) throws -> MountLine? { try all().last { $0.point == point } }
}
