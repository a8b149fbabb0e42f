internal import JSON
package import Kernel

/// The program `skiff-registry`, found beside this one or where distributions put such programs.
package struct RegistryHelper: Sendable {
  package static let name = "skiff-registry"
  /// The descriptor that the request is on.
  package static let requestDescriptor: Int32 = 3

  package let path: Path

  /// Where it may lie, in the order in which it is looked for. `SKIFF_LIBEXEC` names the directory instead.
  package static var places: [Path] {
    if let given = environment("SKIFF_LIBEXEC"), !given.isEmpty { return [Path(given)] }
    var places: [Path] = []
    if let own = try? readSymbolicLink("/proc/self/exe") {
      places = [own.parent, own.parent.parent.appending("libexec/skiff")]
    }
    return places + ["/usr/libexec/skiff", "/usr/lib/skiff"]
  }

  /// The same, for a person.
  package static var home: String {
    let (first, last) = (places.first ?? "/usr/lib/skiff", places.last ?? "/usr/lib/skiff")
    return first == last ? "\(first)" : "\(first) or \(last)"
  }

  /// Nil when it is in none of its places.
  package static func find() -> RegistryHelper? {
    places.map { $0.appending(name) }.first { mayExecute($0) }.map { RegistryHelper(path: $0) }
  }

  /// Whether it finds Intel's ISA-L (its `fastest` asks the linker; this looks where distributions put it): then gzip is worth
  /// a program more.
  package static var inflatesFaster: Bool {
    ["lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "lib"].contains {
      exists(Path("/usr/\($0)/libisal.so.2"))
    }
  }

  /// Becomes the helper: signals, terminal and exit code are its own from here on. Returns only to say why not.
  ///
  package func become(_ request: RegistryRequest) -> Fault {
    do throws(Fault) {
      // Given away: it may have that number already, and must not be closed before the program is another.
      let file = BorrowedDescriptor(rawValue: try Self.memoryFile(request).release())
      try file.duplicate(asInherited: Self.requestDescriptor)
    } catch { return error }
    return execute(path, arguments: [Path(Self.name)], environment: Kernel.environment())
  }

  /// Runs the helper and waits for it.
  ///
  /// - Parameters:
  ///   - input: what it has as standard input.
  ///   - output: what it has as standard output.
  /// - Returns: its exit code, 128 + n after signal n.
  package func run(
    _ request: RegistryRequest, input: BorrowedDescriptor = .standardInput, output: BorrowedDescriptor = .standardOutput
  ) throws(Fault) -> Int32 {
    let file = try Self.memoryFile(request)
    // Numbers above those that the helper gets: a stream must not be covered by one before it.
    let first = Self.requestDescriptor + 1
    let input = try input.duplicate(from: first)
    let output = try output.duplicate(from: first)
    let errors = try BorrowedDescriptor.standardError.duplicate(from: first)
    let request = try file.borrowed.duplicate(from: first)
    let process = try spawn(
      path, arguments: [Path(Self.name)], environment: Kernel.environment(),
      streams: [input.borrowed, output.borrowed, errors.borrowed, request.borrowed], startsSession: false)
    while true {
      if let ended = try wait(for: .process(process)) { return ended.status.code }
    }
  }

  private static func memoryFile(_ request: RegistryRequest) throws(Fault) -> Descriptor {
    let file = try makeMemoryFile("skiff-request")
    try file.borrowed.write(request.jsonBytes())
    try sealMemoryFile(file.borrowed)
    return file
  }

  /// What the helper was asked for. The descriptor is closed, so that no program that it runs inherits the request.
  ///
  /// - Throws: EBADF when no `skiff` started this program; EBADMSG for what is no request.
  package static func receive() throws(Fault) -> RegistryRequest {
    guard let status = try? status(of: BorrowedDescriptor(rawValue: requestDescriptor)), status.kind == .regular,
      isSealedAgainstWrites(BorrowedDescriptor(rawValue: requestDescriptor))
    else { throw Fault("read", .badDescriptor, arguments: "the request on descriptor \(requestDescriptor)") }
    let file = Descriptor(owning: requestDescriptor)
    let bytes = try file.borrowed.read(Int(status.size), at: 0)
    do throws(JSONError) { return try RegistryRequest(parsing: bytes) } catch {
      throw Fault("read", .badMessage, arguments: "the request", hint: error.description)
    }
  }
}
