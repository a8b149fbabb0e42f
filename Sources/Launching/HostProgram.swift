package import Kernel

/// A program of the host that is called and waited for: `ps`, `criu`.
package struct HostProgram: Sendable {
  package let path: Path

  /// What it printed, on either stream, and how it ended.
  package struct Result: Sendable {
    package var output: [UInt8]
    package var status: ExitStatus
    package var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// Looks it up on PATH, as a shell does; nil where it is not.
  package init?(named name: String) {
    if name.utf8.contains(UInt8(ascii: "/")) {
      guard canExecute(Path(name)) else { return nil }
      path = Path(name)
      return
    }
    let words = environment("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    // An empty entry is the working directory, which is a bundle here: nobody's programs are taken from there.
    let places = words.split(separator: ":").filter { $0.hasPrefix("/") }
    guard let found = places.map({ Path(String($0)).appending(Path(name)) }).first(where: canExecute) else {
      return nil
    }
    path = found
  }

  /// Runs it to its end.
  ///
  /// - Parameters:
  ///   - inherited: descriptors that it has as 3, 4, ….
  ///   - limit: of what it prints, this much is kept.
  package func run(
    _ arguments: [String], inheriting inherited: [BorrowedDescriptor] = [], limit: Int = 16 << 20
  ) throws(Fault) -> Result {
    let output = try makePipe()
    let process = try start(arguments, inheriting: inherited, output: output.writing.borrowed)
    // Whoever reads to the end must not hold the other one open.
    try output.writing.close()
    var printed: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = try output.reading.borrowed.read(into: &buffer)
      if count == 0 { break }
      printed += buffer[..<count].prefix(max(0, limit - printed.count))
    }
    let ended = try wait(for: .process(process))
    return Result(output: printed, status: ended?.status ?? .exited(0))
  }

  /// Starts it, in a session of its own; the caller reaps it.
  package func start(
    _ arguments: [String], inheriting inherited: [BorrowedDescriptor] = [], output: BorrowedDescriptor
  ) throws(Fault) -> ProcessIdentifier {
    let null = try open("/dev/null", .readOnly)
    // Above all numbers that are given out, so that none is covered before it was copied.
    var copies: [Int32] = []
    defer { for number in copies { try? Descriptor(owning: number).close() } }
    for stream in [null.borrowed, output, output] + inherited {
      copies.append(try stream.duplicate(from: Int32(3 + inherited.count)).release())
    }
    return try spawn(
      path, arguments: [path] + arguments.map { Path($0) }, environment: environment(),
      streams: copies.map { BorrowedDescriptor(rawValue: $0) }, resetsSignals: true)
  }
}

private func canExecute(_ path: Path) -> Bool {
  guard let file = try? open(path, [.path]), let status = try? status(of: file.borrowed) else { return false }
  return status.kind == .regular && !status.mode.isDisjoint(with: 0o111)
}
