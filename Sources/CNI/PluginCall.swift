internal import Kernel

/// One call of a plugin (SPEC.md, "Execution Protocol"): parameters in the environment, the configuration on standard
/// input, the result on standard output, words for a log on standard error.
struct PluginCall {
  enum Command: String { case add = "ADD", delete = "DEL" }

  var command: Command
  var type: String
  var container: String
  /// Empty for a namespace that is gone.
  var namespace: String
  var interface: String
  var directories: [Path]

  /// A plugin that asks a DHCP server may take its time.
  static let timeLimit = 120
  private static let resultLimit = 1 << 20
  private static let wordsLimit = 4096

  /// - Returns: what it printed.
  func run(_ configuration: [UInt8]) throws(Fault) -> [UInt8] {
    let input = try makePipe()
    let output = try makePipe()
    let errors = try makePipe()
    let program = try find()
    let process = try start(program, input.reading.borrowed, output.writing.borrowed, errors.writing.borrowed)
    let pidfd = try openProcess(process)
    try input.reading.close()
    try output.writing.close()
    try errors.writing.close()
    var exchange = Exchange(
      input: input.writing, output: output.reading, errors: errors.reading, rest: configuration,
      limits: (Self.resultLimit, Self.wordsLimit))
    let isInTime = try exchange.run(until: monotonicNanoseconds() + UInt64(Self.timeLimit) * 1_000_000_000)
    if !isInTime {
      // With all that it has started: it leads a session of its own.
      try? sendSignal(Signal.kill, toProcess: -process)
      try? sendSignal(Signal.kill, to: pidfd.borrowed)
    }
    let ended = try wait(for: .pidfd(pidfd.borrowed))
    guard isInTime else { throw failure("did not answer within \(Self.timeLimit) s and was killed") }
    guard let ended, ended.status == .exited(0) else { throw failure(ended?.status, exchange.printed, exchange.words) }
    return exchange.printed
  }

  private func find() throws(Fault) -> Path {
    for directory in directories {
      let path = directory.appending(type)
      if let status = try? status(of: path), status.kind == .regular, !status.mode.isDisjoint(with: 0o111) {
        return path
      }
    }
    throw Fault(
      "cni", .noSuchFile, arguments: "plugin \(type)",
      hint: "it is in none of \(directories.map(\.string).joined(separator: ", ")); Debian has the usual ones in "
        + "containernetworking-plugins")
  }

  private func start(
    _ program: Path, _ input: BorrowedDescriptor, _ output: BorrowedDescriptor, _ errors: BorrowedDescriptor
  ) throws(Fault) -> ProcessIdentifier {
    // Above the numbers that the program gets, so that none is covered before it was copied.
    var copies: [Int32] = []
    defer { for number in copies { try? Descriptor(owning: number).close() } }
    for stream in [input, output, errors] { copies.append(try stream.duplicate(from: 3).release()) }
    let environment = [
      "CNI_COMMAND=\(command.rawValue)", "CNI_CONTAINERID=\(container)", "CNI_NETNS=\(namespace)",
      "CNI_IFNAME=\(interface)", "CNI_PATH=\(directories.map(\.string).joined(separator: ":"))",
      "CNI_ARGS=IgnoreUnknown=1", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
    return try spawn(
      program, arguments: [program], environment: environment.map { Path($0) },
      streams: copies.map { BorrowedDescriptor(rawValue: $0) }, resetsSignals: true)
  }

  private func failure(_ reason: String, hint: String? = nil) -> Fault {
    Fault("cni", .canceled, arguments: "plugin \(type) \(reason)", hint: hint)
  }

  private func failure(_ status: ExitStatus?, _ printed: [UInt8], _ words: [UInt8]) -> Fault {
    if let error = PluginError(printed) {
      return failure("refused \(command.rawValue): \(error.message)", hint: error.hint)
    }
    let end: String =
      switch status {
      case .exited(let code): "ended with \(code)"
      case .killed(let signal, _): "was killed by signal \(signal)"
      case nil: "ended"
      }
    let text = String(decoding: words.isEmpty ? Array(printed.prefix(Self.wordsLimit)) : words, as: UTF8.self)
      .split(separator: "\n").joined(separator: " ")
    return failure("\(end) without a result", hint: text.isEmpty ? nil : "it printed: \(text)")
  }
}

/// What goes to a plugin and comes from it, all three streams at once, so that nobody waits for the other.
private struct Exchange: ~Copyable {
  private var input: Descriptor?
  private var output: Descriptor?
  private var errors: Descriptor?
  private var rest: ArraySlice<UInt8>
  private let limits: (printed: Int, words: Int)
  private(set) var printed: [UInt8] = []
  private(set) var words: [UInt8] = []

  init(
    input: consuming Descriptor, output: consuming Descriptor, errors: consuming Descriptor, rest: [UInt8],
    limits: (Int, Int)
  ) {
    self.input = .some(consume input)
    self.output = .some(consume output)
    self.errors = .some(consume errors)
    self.rest = rest[...]
    self.limits = limits
  }

  /// Until the plugin has closed both of its streams; false when the time is over.
  mutating func run(until end: UInt64) throws(Fault) -> Bool {
    if let input = input.view { try input.setNonblocking(true) }
    while true {
      var watched: [(BorrowedDescriptor, PollEvents)] = []
      if let output = output.view { watched.append((output, .readable)) }
      if let errors = errors.view { watched.append((errors, .readable)) }
      if watched.isEmpty { return true }
      if let input = input.view { watched.append((input, .writable)) }
      let now = monotonicNanoseconds()
      guard now < end else { return false }
      _ = try poll(watched, milliseconds: Int((end - now) / 1_000_000) + 1)
      feed()
      Self.drain(&output, &printed, limits.printed)
      Self.drain(&errors, &words, limits.words)
    }
  }

  /// A plugin that does not read its configuration closes its end: SIGPIPE is ignored here.
  private mutating func feed() {
    guard let view = input.view else { return }
    if !rest.isEmpty, let ready = try? poll(view, .writable, milliseconds: 0), !ready.isEmpty {
      guard let count = try? view.writeSome(rest), count > 0 else {
        input = nil
        return
      }
      rest = rest.dropFirst(count)
    }
    if rest.isEmpty { input = nil }
  }

  private static func drain(_ stream: inout Descriptor?, _ bytes: inout [UInt8], _ limit: Int) {
    guard let view = stream.view, let ready = try? poll(view, .readable, milliseconds: 0), !ready.isEmpty else {
      return
    }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    guard let count = try? view.read(into: &buffer), count > 0 else {
      stream = nil
      return
    }
    bytes += buffer[..<count].prefix(max(0, limit - bytes.count))
  }
}
