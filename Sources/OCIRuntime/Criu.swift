internal import Cgroups
package import Kernel
internal import Launching

// criu(8) takes a container's processes down to files and makes them again from there. It is called by its command line, which
// has every option that is needed here, and no library with it.

/// What `checkpoint` and `restore` are asked for, both of them.
package struct CheckpointOptions: Sendable {
  /// A name on PATH or a path.
  package var criu = "criu"
  /// Where the image is.
  package var images: Path = "checkpoint"
  /// Where the logs go; nil is where the image is.
  package var work: Path?
  /// The image before this one, relative to it.
  package var parent: String?
  package var leavesRunning = false
  package var isPreDump = false
  package var pageServer: (address: String, port: UInt16)?
  /// criu writes a zero byte into it once pages can be fetched.
  package var statusDescriptor: Int32?
  package var emptiesNetwork = false
  package var groupsMode: String?
  package var securityProfile: String?
  package var securityMountContext: String?
  /// Options of criu that have no value, without their dashes: `tcp-established`.
  package var switches: [String] = []
  package init() {}
}

extension CheckpointOptions {
  /// What a dump and a restore both are told.
  var commonWords: [String] {
    var words = ["--images-dir", images.string, "-v4"]
    if let work { words += ["--work-dir", work.string] }
    if let mode = groupsMode { words.append("--manage-cgroups=\(mode)") } else { words.append("--manage-cgroups=soft") }
    if emptiesNetwork { words += ["--empty-ns", "net"] }
    return words + switches.map { "--" + $0 }
  }

  func log(of verb: String) -> Path { (work ?? images).appending(Path("\(verb).log")) }

  /// Calls criu and waits for its end.
  func call(
    _ verb: String, _ words: [String], inheriting inherited: [BorrowedDescriptor] = []
  ) throws(RuntimeFailure) {
    guard let program = HostProgram(named: criu) else {
      throw RuntimeFailure(
        "exec: \"\(criu)\": executable file not found in $PATH",
        hint: "install criu; it takes processes down and makes them again")
    }
    let result = try told("cannot call criu") { () throws(Fault) in
      try program.run([verb, "--log-file", "\(verb).log"] + words, inheriting: inherited)
    }
    guard result.status != .exited(0) else { return }
    throw RuntimeFailure(
      "criu failed: \(verb) ended with \(result.status.code): \(reason(verb, result))", hint: complaint(of: program))
  }

  /// The errors of its log; of a criu that did not come so far, what it printed.
  private func reason(_ verb: String, _ result: HostProgram.Result) -> String {
    let text = (try? readText(log(of: verb), limit: 16 << 20)) ?? ""
    let errors = text.split(separator: "\n").filter { $0.contains("Error (") }
    // The first one is the cause, those at the end are what followed from it.
    let shown = errors.isEmpty ? result.text.split(separator: "\n").suffix(3) : errors.prefix(3)
    return (shown.joined(separator: "; ") + " (log file: \(log(of: verb)))")
  }

  /// What criu itself says of this kernel, where it finds fault with it.
  private func complaint(of program: HostProgram) -> String {
    guard let result = try? program.run(["check"]), result.status != .exited(0) else {
      return "the log says on which line it gave up"
    }
    let lines = result.text.split(separator: "\n").filter { $0.contains("Error") }
    return "criu does not work on this host: `criu check` says \(lines.prefix(2).joined(separator: "; "))"
  }
}
