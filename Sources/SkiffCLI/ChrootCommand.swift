internal import Arguments
internal import Engine
internal import Explain
internal import Inside
internal import Kernel
internal import Planning
internal import Privileges
internal import Rooted
internal import Steps

extension ChrootCommand {
  static let perform: Perform = { arguments in
    let directory = Path(arguments.positionals[0])
    var words: [Path] = arguments.positionals.dropFirst().map { Path($0) }
    var variables = environment()
    for text in arguments.strings("env") { variables.set(text) }
    let here = Path(arguments.string("workdir") ?? "/")
    let root = try openRoot(directory, words.first ?? Path("bash"))
    if words.isEmpty {
      // As chroot(1), the caller's shell, interactively; or one that the root has.
      let shells: [Path] = [Path(variables.value("SHELL") ?? "/bin/bash"), "/bin/bash", "/bin/sh"]
      words = [shells.first { (try? root.status(of: $0)) != nil } ?? shells[0], "-i"]
    }
    let steps = try steps(directory, here, words, variables, user: arguments.string("user"), root)
    let glass = try Glass(arguments)
    if glass.isWanted {
      try glass.show(
        ExplainedRun(title: "skiff chroot " + arguments.positionals.joined(separator: " "), finishing: steps))
    }
    if glass.isRehearsal { return 0 }

    // Looked at before the root changes, for that takes the host out of sight, and told only when the program does not
    // start: an emulator may be registered for what looks foreign. What execve(2) never sees is told at once.
    let trouble = diagnose(
      program: words[0], searchPath: variables.searchPath, libraryPath: variables.directories("LD_LIBRARY_PATH"),
      workingDirectory: here, in: root)
    let told = trouble.map { failure($0, directory, root) }
    if let trouble, let told, trouble.isUnseenByTheKernel { throw told }
    var times: [UInt64] = []
    for step in steps {
      guard case .process(let step) = step else { continue }
      let begin = monotonicNanoseconds()
      // The last one does not return.
      if case .execute = step { try glass.showTimings(times, of: steps, title: "In the process") }
      do throws(Fault) { try perform(step) } catch {
        if case .execute = step {
          if let told { throw told }
          throw Failure(
            error.errno == .noSuchFile ? .programNotFound : .notExecutable, "cannot start \(words[0]): \(error.errno)")
        }
        throw Failure("cannot chroot into \(directory)", error)
      }
      times.append(monotonicNanoseconds() - begin)
    }
    return 0
  }

  private static func openRoot(_ directory: Path, _ program: Path) throws -> Root {
    do throws(Fault) {
      return try Root(at: directory)
    } catch {
      let isMissing = error.errno == .noSuchFile
      let command = "skiff stage \(ShellWord(directory)) \(ShellWord(program))"
      throw Failure(
        .host, "cannot chroot into \(directory): \(error.errno)",
        hint: isMissing ? "make it first: \(command)" : error.usualHint)
    }
  }

  private static func failure(_ diagnosis: Diagnosis, _ directory: Path, _ root: borrowing Root) -> Failure {
    // Where the host has the file, whatever links lead to it in there.
    var file: Path?
    if let handle = try? root.open(diagnosis.path, .path) {
      file = try? readSymbolicLink(Path("/proc/self/fd/\(handle.borrowed.rawValue)"))
    }
    let searchPath = (environment("PATH") ?? "").split(separator: ":").map { Path(String($0)) }
    return Failure(
      diagnosis.exitCode == 127 ? .programNotFound : .notExecutable, "\(diagnosis)",
      hint: diagnosis.hint(stagingInto: .directory(directory), from: .here(searchPath: searchPath), file: file))
  }

  private static func steps(
    _ directory: Path, _ here: Path, _ words: [Path], _ variables: [Path], user: String?, _ root: borrowing Root
  ) throws -> [Step] {
    var steps: [Step] = [
      .process(.changeRoot(directory)), .process(.changeDirectory(here)),
    ]
    if let user { steps += try userSteps(user, root) }
    return steps + [.process(.execute(program: words[0], arguments: words, environment: variables))]
  }

  private static func userSteps(_ text: String, _ root: borrowing Root) throws -> [Step] {
    let proc = try PrivateProc()
    let database = try UserDatabase(
      passwd: (try? root.readFile("/etc/passwd", limit: 1 << 20, through: proc)) ?? [],
      group: (try? root.readFile("/etc/group", limit: 1 << 20, through: proc)) ?? [])
    let user = try database.resolve(UserReference(text))
    return [.process(.setUser(user: user.user, group: user.group, supplementary: user.supplementary))]
  }

  private static func perform(_ step: ProcessStep) throws(Fault) {
    switch step {
    case .changeRoot(let path): try changeRoot(path)
    case .changeDirectory(let path): try enterDirectory(path)
    case .execute(let program, let arguments, let environment):
      throw start(program, arguments, environment)
    default: _ = try Privileges.perform(step, procfs: .workingDirectory)
    }
  }

  /// As execvp(3): along PATH, past what may not be executed.
  private static func start(_ program: Path, _ arguments: [Path], _ environment: [Path]) -> Fault {
    if program.bytes.contains(UInt8(ascii: "/")) {
      return execute(program, arguments: arguments, environment: environment)
    }
    var fault = Fault("execve", .noSuchFile, arguments: program.quoted)
    for directory in environment.searchPath {
      let next = execute(directory.appending(program), arguments: arguments, environment: environment)
      if next.errno == .accessDenied || fault.errno == .noSuchFile { fault = next }
      if next.errno != .noSuchFile && next.errno != .notDirectory && next.errno != .accessDenied { return next }
    }
    return fault
  }
}

extension [Path] {
  fileprivate func value(_ name: String) -> String? {
    let prefix = [UInt8]((name + "=").utf8)
    return last { $0.bytes.starts(with: prefix) }.map {
      String(decoding: $0.bytes.dropFirst(prefix.count), as: UTF8.self)
    }
  }

  /// `NAME=VALUE` in place of what the name had; `NAME` alone is what it is already.
  fileprivate mutating func set(_ text: String) {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else { return }
    let prefix = [UInt8](text[...equals].utf8)
    removeAll { $0.bytes.starts(with: prefix) }
    append(Path(text))
  }

  fileprivate func directories(_ name: String) -> [Path] {
    (value(name) ?? "").split(separator: ":").map { Path(String($0)) }.filter(\.isAbsolute)
  }

  fileprivate var searchPath: [Path] {
    let own = directories("PATH")
    return own.isEmpty ? ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] : own
  }
}
