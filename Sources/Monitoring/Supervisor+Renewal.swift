package import Kernel
package import Resolving

// A supervisor that has nothing to do executes its own program again and goes on where it was: the heap, the stack and the
// pages of the program that the start needed are gone then, and what is left is a watcher of some 150 KB. What it knows
// travels in a memory file, what it holds as descriptors that stay open.

extension Supervisor {
  /// The words after the supervisor's own that say where to read on.
  package static let resumeOption = "--resume"

  /// Replaces this process by itself. Returns when that is not possible: it then goes on as it is.
  mutating func renew(_ renewal: Renewal) {
    var message = RenewalMessage()
    var kept = [renewal.lock, container.pidfd.borrowed, container.listener.borrowed]
    kept += [container.terminal.view, container.output.view, container.errors.view, container.input.view]
      .compactMap { $0 }
    kept += clients.map(\.descriptor) + renewal.kept + nameDescriptors
    write(to: &message, renewal)
    do throws(Fault) {
      let file = try makeMemoryFile("skiff-monitor")
      try file.borrowed.write(message.bytes)
      kept.append(file.borrowed)
      passKillSwitch("renewal", 0)
      try executeThisProgram(
        arguments: renewal.arguments + [Path(Self.resumeOption), Path("\(file.rawValue)")], keeping: kept)
    } catch {}
  }

  private borrowing func write(to message: inout RenewalMessage, _ renewal: Renewal) {
    message.put(container.process)
    message.put(renewal.lock.rawValue)
    message.put(container.pidfd.rawValue)
    message.put(container.listener.rawValue)
    for stream in [container.terminal.view, container.output.view, container.errors.view, container.input.view] {
      message.put(stream?.rawValue ?? -1)
    }
    message.put(pendingInput)
    message.put(inputIsAtEnd ? 1 : 0)
    message.put(Int32(clients.count))
    for client in clients {
      message.put(client.number)
      message.put(client.wantsOutput ? 1 : 0)
      message.put(client.received)
      message.put(client.pending)
    }
    message.put(Int32(renewal.kept.count))
    for descriptor in renewal.kept { message.put(descriptor.rawValue) }
    let nameSockets = nameDescriptors
    message.put(Int32(nameSockets.count))
    for descriptor in nameSockets { message.put(descriptor.rawValue) }
    switch container.log {
    case .some(let log): log.write(to: &message)
    case .none: break
    }
  }
}

extension Supervisor {
  /// The word after the supervisor's own that says to start the container again, with what was kept after it.
  package static var againOption: String { "--again" }

  private var nameDescriptors: [BorrowedDescriptor] {
    switch names {
    case .some(let responder): [responder.sockets.datagrams.borrowed, responder.sockets.listener.borrowed]
    case .none: []
    }
  }
}

/// What a renewal needs beside the supervisor itself.
package struct Renewal: Sendable {
  /// The command line of the supervisor.
  var arguments: [Path]
  /// The container's lock, which stays held.
  var lock: BorrowedDescriptor
  /// What else stays open, whatever it is.
  var kept: [BorrowedDescriptor]

  package init(arguments: [Path], lock: BorrowedDescriptor, kept: [BorrowedDescriptor]) {
    self.arguments = arguments
    self.lock = lock
    self.kept = kept
  }
}

/// A supervisor and the lock, as the program before this one left them.
@frozen package struct ResumedSupervisor: ~Copyable {
  package var supervisor: Supervisor
  package var lock: Descriptor
  /// The numbers of what else stayed open.
  package var kept: [Int32]
  /// Where the container asks for names, for `answerNames`.
  package var nameSockets: NameSockets?

  /// - Parameters:
  ///   - number: of the memory file.
  ///   - log: opened anew; it goes on with the line that was not finished.
  package static func reading(_ number: Int32, log: consuming LogWriter?) throws(Fault) -> ResumedSupervisor {
    let file = Descriptor(owning: number)
    try file.borrowed.seek(to: 0)
    var message = RenewalMessage(bytes: try file.borrowed.readAll(limit: RenewalMessage.limit))
    func descriptor(_ number: Int32) throws(Fault) -> Descriptor {
      let descriptor = Descriptor(owning: number)
      try descriptor.borrowed.setCloseOnExecute()
      return descriptor
    }
    func stream(_ number: Int32) throws(Fault) -> Descriptor? {
      if number < 0 { return nil }
      return try descriptor(number)
    }
    let process = try message.number()
    let lock = try descriptor(try message.number())
    let pidfd = try descriptor(try message.number())
    let listener = try descriptor(try message.number())
    let terminal = try stream(try message.number())
    let output = try stream(try message.number())
    let errors = try stream(try message.number())
    let input = try stream(try message.number())
    let pendingInput = try message.data()
    let inputIsAtEnd = try message.number() == 1
    var clients: [Client] = []
    for _ in 0..<(try message.number()) {
      var client = Client(taking: try descriptor(try message.number()), wantsOutput: try message.number() == 1)
      client.received = try message.data()
      client.pending = try message.data()
      clients.append(client)
    }
    var kept: [Int32] = []
    for _ in 0..<(try message.number()) {
      let number = try message.number()
      try BorrowedDescriptor(rawValue: number).setCloseOnExecute()
      kept.append(number)
    }
    var nameSockets: NameSockets?
    if try message.number() == 2 {
      let datagrams = try descriptor(try message.number())
      let listener = try descriptor(try message.number())
      nameSockets = NameSockets(datagrams: datagrams, listener: listener)
    }
    var log = log
    try log?.readOn(from: &message)
    var supervisor = try Supervisor.watching(
      Supervised(
        process: process, pidfd: pidfd, terminal: terminal, output: output, errors: errors, input: input,
        listener: listener, log: log),
      clients: clients)
    supervisor.pendingInput = pendingInput
    supervisor.inputIsAtEnd = inputIsAtEnd
    supervisor.settle()
    return ResumedSupervisor(supervisor: supervisor, lock: lock, kept: kept, nameSockets: nameSockets)
  }
}

/// Numbers and byte strings in the order in which they were put.
struct RenewalMessage {
  /// Far more than clients and a log can hold back.
  static let limit = 128 << 20
  private(set) var bytes: [UInt8] = []
  private var position = 0

  init() {}

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func put(_ number: Int32) {
    let bits = UInt32(bitPattern: number)
    for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
  }

  mutating func put(_ data: [UInt8]) {
    put(Int32(data.count))
    bytes += data
  }

  mutating func number() throws(Fault) -> Int32 {
    let word = try take(4)
    return Int32(bitPattern: word.reversed().reduce(0) { $0 << 8 | UInt32($1) })
  }

  mutating func data() throws(Fault) -> [UInt8] { Array(try take(Int(try number()))) }

  private mutating func take(_ count: Int) throws(Fault) -> ArraySlice<UInt8> {
    guard count >= 0, bytes.count - position >= count else {
      throw Fault("read", .badMessage, arguments: "the supervisor's own notes")
    }
    position += count
    return bytes[(position - count)..<position]
  }
}
