package import Kernel

/// Pipes between a program and the streams of the command that started it, for `exec` without a terminal of its own.
///
/// The program never gets those streams themselves. A terminal could be read and typed into by whatever is left running
/// inside when the command is long over; a file, a socket or a directory could be opened anew through /proc/self/fd with
/// more rights than were meant to be given.
package struct StreamRelay: ~Copyable {
  /// Where the program's streams come from and go to.
  private let source: BorrowedDescriptor
  private let targets: [BorrowedDescriptor]
  /// The program's ends, until it has them.
  private var inside: Inside?
  /// Ours; nil once a stream has ended, or where there is no pipe for it.
  private var input: Descriptor?
  private var output: Descriptor?
  private var errors: Descriptor?
  /// What the program has not taken yet.
  private var pending: [UInt8] = []
  private var buffer = [UInt8](repeating: 0, count: 16_384)

  private struct Inside: ~Copyable {
    var input: Descriptor
    var output: Descriptor
    var errors: Descriptor
  }

  package init(
    input: BorrowedDescriptor, output: BorrowedDescriptor, errors: BorrowedDescriptor
  ) throws(Fault) {
    source = input
    targets = [output, errors]
    let reading = try Ends(for: input, isInput: true)
    let writing = try Ends(for: output, isInput: false)
    // Where both are one and the same file, one pipe keeps what comes through it in order.
    let complaining =
      try isSameFile(output, errors)
      ? Ends(inside: writing.inside.duplicate(), outside: nil) : Ends(for: errors, isInput: false)
    self.input = reading.outside
    self.output = writing.outside
    self.errors = complaining.outside
    inside = Inside(input: reading.inside, output: writing.inside, errors: complaining.inside)
    try self.input.view?.setNonblocking(true)
    try self.output.view?.setNonblocking(true)
    try self.errors.view?.setNonblocking(true)
  }

  /// Gives the program its standard streams.
  package func withProgramStreams<Value: ~Copyable, Failure: Error>(
    _ body: (_ input: BorrowedDescriptor, BorrowedDescriptor, BorrowedDescriptor) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    switch inside {
    case .some(let inside): return try body(inside.input.borrowed, inside.output.borrowed, inside.errors.borrowed)
    case .none: preconditionFailure("the program has its streams already")
    }
  }

  /// Copies until the program has ended and what it had written by then is passed on. What it leaves running is not waited
  /// for.
  ///
  /// - Parameters:
  ///   - program: its pidfd.
  ///   - signals: what this process gets and the program is to have.
  package mutating func run(
    until program: BorrowedDescriptor, passing signals: borrowing SignalDescriptor
  ) throws(Fault) {
    // Held open here, the pipes would never end.
    inside = nil
    try ignoreSignal(Signal.pipe)
    while true {
      var watched: [(BorrowedDescriptor, PollEvents)] = [(program, .readable), (signals.borrowed, .readable)]
      for stream in [output.view, errors.view] {
        if let stream { watched.append((stream, .readable)) }
      }
      let inputPlace = watched.count
      if let input = input.view { watched.append(pending.isEmpty ? (source, .readable) : (input, .writable)) }
      let ready = try poll(watched)
      while let report = try signals.next() { try? sendSignal(report.signal, to: program) }
      copyOutput()
      if !ready[0].isEmpty { return }
      if inputPlace < ready.count, !ready[inputPlace].isEmpty { copyInput() }
    }
  }

  // MARK: - Copying

  /// All that there is, of both streams. A reader of ours that has gone is told to the program by the end of its pipe.
  private mutating func copyOutput() {
    // Whoever writes without a pause is not waited for once the program is over: a pipe holds at most 1 MiB.
    for _ in 0..<64 {
      let first = copyOnce(from: output.view, to: targets[0])
      if first == .ended { output = nil }
      let second = copyOnce(from: errors.view, to: targets[1])
      if second == .ended { errors = nil }
      if first != .copied && second != .copied { return }
    }
  }

  private enum Progress { case copied, nothing, ended }

  private mutating func copyOnce(from stream: BorrowedDescriptor?, to target: BorrowedDescriptor) -> Progress {
    guard let stream else { return .nothing }
    do throws(Fault) {
      let count = try stream.read(into: &buffer)
      if count == 0 { return .ended }
      try target.write(buffer[..<count])
      return .copied
    } catch {
      return error.errno == .again ? .nothing : .ended
    }
  }

  private mutating func copyInput() {
    if pending.isEmpty {
      let count = (try? source.read(into: &buffer)) ?? 0
      if count == 0 { input = nil }
      pending = Array(buffer[..<count])
    }
    while !pending.isEmpty, let target = input.view {
      do throws(Fault) { pending.removeFirst(try target.writeSome(pending[...])) } catch {
        if error.errno == .again { return }
        // Nobody reads it any more.
        input = nil
        pending = []
      }
    }
  }
}

/// The two ends of one stream. /dev/null goes to the program as it is: nothing can be done with it.
private struct Ends: ~Copyable {
  var inside: Descriptor
  var outside: Descriptor?

  init(inside: consuming Descriptor, outside: consuming Descriptor?) {
    self.inside = inside
    self.outside = outside
  }

  init(for stream: BorrowedDescriptor, isInput: Bool) throws(Fault) {
    let status = try status(of: stream)
    if status.kind == .characterDevice, status.device == DeviceNumber(major: 1, minor: 3) {
      self.init(inside: try stream.duplicate(), outside: nil)
      return
    }
    let pipe = try makePipe()
    if isInput {
      self.init(inside: pipe.reading, outside: pipe.writing)
    } else {
      self.init(inside: pipe.writing, outside: pipe.reading)
    }
  }
}

private func isSameFile(_ one: BorrowedDescriptor, _ other: BorrowedDescriptor) throws(Fault) -> Bool {
  let (one, other) = (try status(of: one), try status(of: other))
  return one.inode == other.inode && one.fileSystem == other.fileSystem
}
