internal import Kernel

// What goes through a supervisor: from the container to its log and to whoever is attached, and from those to the container.

extension Supervisor {
  // MARK: - Output

  func source(of token: UInt64) -> BorrowedDescriptor? {
    switch token {
    case Token.output: container.output.view
    case Token.errors: container.errors.view
    default: container.terminal.view
    }
  }

  /// One buffer from the container. False when there is no more for now.
  @discardableResult
  mutating func copyOutput(from token: UInt64) -> Bool {
    guard let source = source(of: token) else { return false }
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 16_384) }
    let count: Int
    do throws(Fault) {
      count = try source.read(into: &buffer)
    } catch {
      // EIO is how a pseudo terminal says that its other end is closed.
      if error.errno != .again { closeSource(token) }
      return false
    }
    if count == 0 {
      closeSource(token)
      return false
    }
    let isError = token == Token.errors
    container.log?.append(buffer[..<count], stream: isError ? .errors : .output)
    guard clients.contains(where: \.wantsOutput) else { return true }
    let bytes = Array(buffer[..<count])
    for index in clients.indices where clients[index].wantsOutput {
      clients[index].send(isError ? .errors(bytes) : .output(bytes))
    }
    return true
  }

  private mutating func closeSource(_ token: UInt64) {
    if let source = source(of: token) { try? poller.remove(source) }
    switch token {
    case Token.output: container.output = nil
    case Token.errors: container.errors = nil
    default: container.terminal = nil
    }
  }

  /// What the container wrote before it ended is still in the pipes. Processes of a shared pid namespace may hold them
  /// open: those are not waited for.
  mutating func drain() {
    for token in [Token.output, Token.errors, Token.terminal] {
      while copyOutput(from: token) {}
      // The kernel closes the files of the last process shortly after the first one's end is seen.
      var attempts = 0
      while let source = source(of: token), attempts < 5 {
        let events = (try? poll(source, .readable, milliseconds: 20)) ?? []
        if events.isEmpty { break }
        while copyOutput(from: token) {}
        attempts += 1
      }
    }
  }

  // MARK: - Clients

  mutating func acceptClient() {
    guard let socket = try? container.listener.borrowed.accept(nonBlocking: true) else { return }
    // The directory is 0700; this is the second lock on the same door.
    guard let peer = try? socket.borrowed.peerCredentials(), peer.user == 0 || peer.user == effectiveUser(),
      clients.count < 64
    else { return }
    let client = Client(taking: socket, wantsOutput: false)
    clients.append(client)
    try? poller.add(client.descriptor, [.readable], token: Self.token(of: client))
  }

  mutating func serve(_ report: PollReport) {
    guard let index = clients.firstIndex(where: { Self.token(of: $0) == report.token }) else {
      return
    }
    if report.events.contains(.writable) { clients[index].flush() }
    guard report.events.contains(.readable) || report.events.contains(.hungUp) || report.events.contains(.failed) else {
      return
    }
    guard let frames = clients[index].receive() else {
      clients[index].isGone = true
      return
    }
    for frame in frames { obey(frame, from: index) }
  }

  private mutating func obey(_ frame: Frame, from index: Int) {
    switch frame {
    case .subscribe: clients[index].wantsOutput = true
    case .input(let bytes):
      pendingInput.append(contentsOf: bytes)
      feedInput()
    case .inputEnd:
      inputIsAtEnd = true
      feedInput()
    case .resize(let rows, let columns):
      if let terminal = container.terminal.view {
        try? setWindowSize(of: terminal, to: WindowSize(rows: rows, columns: columns))
      }
    case .signal(let signal): try? sendSignal(signal, to: container.pidfd.borrowed)
    case .started, .failed, .output, .errors, .exited, .timing:
      // These are ours to say: whoever sends them is no client.
      clients[index].isGone = true
    }
  }

  // MARK: - Input

  mutating func feedInput() {
    let target = container.terminal.view ?? container.input.view
    guard let target else {
      pendingInput = []
      return
    }
    while !pendingInput.isEmpty {
      do throws(Fault) {
        pendingInput.removeFirst(try target.writeSome(pendingInput[...]))
      } catch {
        // EPIPE, EIO: nobody reads any more.
        if error.errno != .again { pendingInput = [] }
        break
      }
    }
    if pendingInput.isEmpty && inputIsAtEnd && container.terminal == nil { container.input = nil }
  }
}
