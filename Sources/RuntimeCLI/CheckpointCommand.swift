internal import Arguments
internal import Kernel
internal import OCIRuntime

enum CheckpointCommand {
  static let entry = CommandEntry(
    "checkpoint", summary: "Take a running container down to files", group: RuntimeGroup.other,
    .run(
      syntax: {
        Command(
          "checkpoint", summary: "Take a running container down to files", usage: ["[OPTIONS] CONTAINER"],
          discussion: ["criu(8) does it. When it fails the container runs on."],
          options: checkpointOptions + [
            Option("parent-path", .value, value: "dir", help: "The image before this one, relative to it"),
            Option("leave-running", help: "Let the container run on"),
            Option("tcp-skip-in-flight", help: "Leave out TCP connections that are being made"),
            Option(
              "status-fd", .value, value: "number", help: "criu writes a zero byte there when pages can be fetched"),
            Option("page-server", .value, value: "address:port", help: "Send the memory there"),
            Option("pre-dump", help: "Take the memory alone, and let the container run on"),
          ], positionals: .exactly(1, .containers))
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let runtime = try OCIRuntime(parsed)
    var options = try checkpointOptions(parsed)
    options.parent = parsed.string("parent-path").flatMap { $0.isEmpty ? nil : $0 }
    options.leavesRunning = parsed.flag("leave-running")
    options.isPreDump = parsed.flag("pre-dump")
    if parsed.flag("tcp-skip-in-flight") { options.switches.append("skip-in-flight") }
    if let text = parsed.string("page-server"), !text.isEmpty {
      guard let server = pageServer(text) else {
        throw RuntimeFailure("Use --page-server ADDRESS:PORT to specify page server")
      }
      options.pageServer = server
    }
    if let number = try parsed.integer("status-fd", in: -1...65_536), number >= 0 {
      guard exists("/proc/self/fd/\(number)") else {
        throw RuntimeFailure("invalid --status-fd argument \(number): it is not open")
      }
      options.statusDescriptor = Int32(number)
    }
    try runtime.checkpoint(parsed.positionals[0], options)
    return 0
  }

  /// `192.0.2.1:27`, `[2001:db8::1]:27`.
  static func pageServer(_ text: String) -> (address: String, port: UInt16)? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var address = String(text[..<colon])
    if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
    return address.isEmpty ? nil : (address, port)
  }
}
