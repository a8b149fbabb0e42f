internal import Arguments

/// What a command does with its parsed words: the exit code.
typealias Perform = @Sendable (ParsedArguments) throws -> Int32

/// The options by which a command shows its steps.
enum GlassBox {
  static let group = "Glass box"

  static let explain = Option(
    "explain", .optionalValue(given: "text"), value: "text|shell|json",
    help: "Show every step: the sentence, the system call, the shell command; =shell prints a script", group: group,
    completion: .words(["text", "shell", "json"]))
  static let dryRun = Option("dry-run", help: "Stop before the first step", group: group)
  static let timings = Option("timings", help: "Show how long each step took", group: group)

  static let options = [explain, dryRun, timings]
}

/// Options of the process in a container, which run and exec share.
enum ProcessOptions {
  static let interactive = Option("interactive", short: "i", help: "Keep STDIN open even if not attached")
  static let tty = Option("tty", short: "t", help: "Allocate a pseudo-TTY")
  static let environment = Option(
    "env", short: "e", .repeated, value: "list", help: "Set environment variables")
  static let environmentFile = Option(
    "env-file", .repeated, value: "list", help: "Read in a file of environment variables", completion: .files)
  static let workingDirectory = Option(
    "workdir", short: "w", .value, help: "Working directory inside the container")
  static let user = Option(
    "user", short: "u", .value, help: "Username or UID (format: <name|uid>[:<group|gid>])")
  static let privileged = Option("privileged", help: "Give extended privileges to the command")
  static let detachKeys = Option(
    "detach-keys", .value, help: "Override the key sequence for detaching a container", initial: "ctrl-p,ctrl-q")
  static let noTruncation = Option("no-trunc", help: "Don't truncate output")
}

/// `--format`, the way docker has it: Go's templates.
enum FormatOption {
  static let templated = Option(
    "format", .value, help: "Format output using a Go template: 'table', 'table TEMPLATE', 'json', or a TEMPLATE")
  static let json = Option("json", help: "Print JSON")
}
