import Kernel

/// A virtual machine whose cgroup layout is another than this machine's: Scripts/guest.
enum Guest {
  static var isInside: Bool { environment("SKIFF_GUEST_CGROUPS") != nil }

  /// The program that runs the tests.
  static var program: String { (try? readSymbolicLink("/proc/self/exe").string) ?? "" }

  private static var script: String {
    Path(#filePath).parent.parent.parent.appending("Scripts/guest").string
  }

  /// Why there is no virtual machine here.
  static let obstacle: String? = {
    if isInside { return "this is the virtual machine" }
    guard let (status, output) = try? capture("\(quoted(script)) -n") else { return "no /bin/sh" }
    return status == .exited(0) ? nil : output.isEmpty ? "\(script) failed" : output
  }()

  /// Why it cannot have systemd for its first process. The image is made here where it is not there yet.
  static let systemdObstacle: String? = {
    guard let (status, output) = try? capture("\(quoted(script)) -s -n") else { return "no /bin/sh" }
    return status == .exited(0) ? nil : output.isEmpty ? "\(script) failed" : output
  }()

  /// The commands that scripts of the tests use, as this machine has them.
  static let tools = ["sh", "sleep", "head", "tail", "tr", "cat"].map { "/bin/" + $0 }

  /// - Parameters:
  ///   - cgroups: `v2` or `v1`.
  ///   - files: what the machine has beside busybox.
  ///   - options: of Scripts/guest, beyond these.
  /// - Returns: how the command ended, with its output and errors.
  static func run(
    _ cgroups: String, files: [String], options: [String] = [], _ command: [String]
  ) throws -> (status: Kernel.ExitStatus?, output: String) {
    let words = [script, "-c", cgroups, "-t", "400"] + options + files.flatMap { ["-f", $0] } + ["--"] + command
    return try capture(words.map(quoted).joined(separator: " "))
  }

  static func capture(_ command: String) throws -> (status: Kernel.ExitStatus?, output: String) {
    let file = Path("/tmp/skiff-guest-\(processIdentifier())-\(UInt32.random(in: 0 ... .max))")
    defer { try? removeFile(file) }
    let shell = try Shell("exec \(command) >\(file) 2>&1")
    let status = shell.waitForExit()
    return (status, String(decoding: try readFile(file), as: UTF8.self))
  }

  static func quoted(_ word: String) -> String { "'" + word.replacing("'", with: "'\\''") + "'" }
}
