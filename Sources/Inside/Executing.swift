package import Kernel

// The last calls before a process is the program: where it stands, which file it executes, and what that says when it does not.

/// chdir, and a look at where that led: a working directory outside of the root means that a descriptor leaked
/// (CVE-2024-21626).
package func enterDirectory(_ path: Path) throws(Fault) {
  try changeDirectory(path)
  let here = try workingDirectory()
  guard here.isAbsolute else {
    throw Fault(
      "chdir", .notPermitted, arguments: path.quoted,
      hint: "the directory lies outside of the container's root; choose another working directory (-w)")
  }
}

/// execve(2) with docker's search in PATH; returns only to say why not.
func execute(program: Path, arguments: [Path], environment: [Path]) -> Fault {
  if program.bytes.contains(UInt8(ascii: "/")) {
    return Kernel.execute(program, arguments: arguments, environment: environment)
  }
  // As execvp(3): a candidate that may not be run is remembered, one that is missing is passed over.
  var answer = Fault("execve", .noSuchFile, arguments: program.quoted)
  for directory in searchPath(of: environment) {
    let candidate = directory.appending(program)
    let fault = Kernel.execute(candidate, arguments: arguments, environment: environment)
    switch fault.errno {
    case .noSuchFile, .notDirectory:
      // The file is there and something that it needs is not: its interpreter.
      if exists(candidate) { return fault }
    case .accessDenied: answer = fault
    default: return fault
    }
  }
  return answer
}

/// Whether `execute` would find something that this process may execute.
func canExecute(_ program: Path, along path: [Path]) -> Bool {
  if program.bytes.contains(UInt8(ascii: "/")) { return mayExecute(program) }
  return path.contains { mayExecute($0.appending(program)) }
}

/// What a signal without a handler does to a process (signal(7)): some are ignored, or stop and continue it.
func endsProcess(_ signal: Int32) -> Bool {
  ![
    Signal.child, Signal.continue, Signal.stop, Signal.terminalStop, Signal.terminalInput, Signal.terminalOutput,
    Signal.windowChange, Signal.urgent,
  ].contains(signal)
}

/// The directories of PATH in an environment, or docker's usual ones.
func searchPath(of environment: [Path]) -> [Path] {
  let prefix = Array("PATH=".utf8)
  let text =
    environment.last { $0.bytes.starts(with: prefix) }.map { $0.bytes.dropFirst(prefix.count) }
    ?? Array("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".utf8)[...]
  return text.split(separator: UInt8(ascii: ":")).compactMap { Path(bytes: $0) }
}

extension Diagnosis {
  /// The operation of a fault whose arguments are a diagnosis in words.
  package static let operation = "diagnosis"
}
