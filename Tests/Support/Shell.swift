import Glibc
import Kernel

/// /bin/sh with a script, as a child of the tests.
final class Shell {
  let process: ProcessIdentifier
  private var status: Kernel.ExitStatus?

  init(_ script: String) throws {
    var process: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = (["/bin/sh", "-c", script] as [String]).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    let error = posix_spawn(&process, "/bin/sh", nil, nil, &arguments, environ)
    guard error == 0 else { throw Fault("posix_spawn", Errno(rawValue: error)) }
    self.process = process
  }

  /// Nobody is left behind, whatever a test does.
  deinit {
    if status == nil {
      kill(process, SIGKILL)
      _ = waitForExit()
    }
  }

  @discardableResult
  func waitForExit() -> Kernel.ExitStatus? {
    if status == nil { status = (try? wait(for: .process(process)))?.status }
    return status
  }

  var succeeds: Bool { waitForExit() == .exited(0) }
}

/// A copy of busybox, made by another process: what this one has open for writing, a child that is born meanwhile for another
/// test holds open too, and then nobody can execute it (ETXTBSY, execve(2)).
func copyBusybox(to target: String) throws {
  guard try Shell("exec cp /bin/busybox '\(target)'").succeeds else { throw Fault("cp", .noSuchFile) }
}
