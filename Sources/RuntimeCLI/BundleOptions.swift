internal import Arguments
internal import Kernel
internal import OCIRuntime

/// The options that `create` and `run` have in common.
let bundleOptions = [
  Option(
    "bundle", short: "b", .value, value: "dir", help: "The bundle: a directory with config.json",
    initial: "the working directory"),
  Option("console-socket", .value, value: "socket", help: "Send the pseudo terminal's master there"),
  Option("pidfd-socket", .value, value: "socket", help: "Send a pidfd of the first process there"),
  Option("pid-file", .value, value: "file", help: "Write the first process's number there"),
  Option("no-pivot", help: "Enter the root by moving it over / instead of pivot_root (a root on a ramfs)"),
  Option("no-new-keyring", help: "Keep the caller's session keyring"),
  Option(
    "preserve-fds", .value, value: "number", help: "Descriptors from 3 on that the program inherits", initial: "0"),
]

/// How many descriptors from 3 on the program inherits: those that were asked for, after those of socket activation.
///
/// Asked first of all, while nothing else is open.
func preservedDescriptors(_ parsed: ParsedArguments) throws -> Int {
  let asked = try parsed.integer("preserve-fds", in: 0...65_536) ?? 0
  let count = activatedSockets + asked
  // The first free number is this program's own file's (CKernel/Entry.c), which nobody left open for a container.
  let own = environment("SKIFF_SEALED").flatMap(Int.init)
  for number in 3..<(3 + count) where number == own || !exists("/proc/self/fd/\(number)") {
    throw RuntimeFailure("unable to stat preserved-fd \(number - 3) (of \(count)): descriptor \(number) is not open")
  }
  return count
}

/// LISTEN_FDS (sd_listen_fds(3)), when they are meant for this process.
var activatedSockets: Int {
  guard let text = environment("LISTEN_FDS"), let count = Int(text), (1...4096).contains(count) else { return 0 }
  let target = environment("LISTEN_PID")
  return target == nil || target == "\(processIdentifier())" ? count : 0
}

/// What tells the program of its sockets: it is process 1, or is told so.
var activationEnvironment: [String] {
  let count = activatedSockets
  guard count > 0 else { return [] }
  let names = environment("LISTEN_FDNAMES").map { ["LISTEN_FDNAMES=\($0)"] } ?? []
  return ["LISTEN_FDS=\(count)", "LISTEN_PID=1"] + names
}

/// Called before the bundle is entered: relative paths start where the command was called.
func createOptions(_ parsed: ParsedArguments, _ preserved: Int) throws -> CreateOptions {
  var options = CreateOptions()
  options.consoleSocket = try parsed.string("console-socket").map(absolute)
  options.pidfdSocket = try parsed.string("pidfd-socket").map(absolute)
  options.pidFile = try parsed.string("pid-file").map(absolute)
  options.preservedDescriptors = preserved
  options.keepsKeyring = parsed.flag("no-new-keyring")
  options.noPivot = parsed.flag("no-pivot")
  options.environment = activationEnvironment
  return options
}

/// As seen from the directory that the command was called in.
func absolute(_ text: String) throws -> Path {
  let path = Path(text)
  return path.isAbsolute ? path : try workingDirectory().appending(path)
}
