internal import Kernel
internal import Rooted

/// `skiff-init -- PROGRAM ARGUMENTS`: the same init as a program of its own, for a container that another OCI runtime makes. It
/// lies in the container as a copy that is that container's alone, so nothing of the host's can be written through it
/// (CVE-2019-5736).
///
/// - Returns: its exit code, when the program cannot be executed; else it never returns.
package func runInit(_ words: [String]) -> Int32 {
  let command = words.drop { $0 == "--" }.map { Path($0) }
  guard let program = command.first else {
    try? BorrowedDescriptor.standardError.write("skiff-init: no program is named\n")
    return 125
  }
  let environment = environment()
  do throws(Fault) { try becomeInit(of: command) } catch {
    try? BorrowedDescriptor.standardError.write("skiff-init: \(error)\n")
    return 125
  }
  let fault = execute(program: program, arguments: command, environment: environment)
  guard let root = try? Root(at: "/"),
    let diagnosis = diagnose(program: program, searchPath: searchPath(of: environment), in: root)
  else {
    try? BorrowedDescriptor.standardError.write("skiff-init: \(fault)\n")
    return fault.errno == .noSuchFile ? 127 : 126
  }
  try? BorrowedDescriptor.standardError.write("skiff-init: \(diagnosis)\n")
  return diagnosis.exitCode
}
