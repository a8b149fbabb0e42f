package import Kernel
package import Steps

// pasta(1) beside a container: started when there is a network to forward for, ended with it.

/// Starts it and waits until the container can be reached. Unless it is shared it dies with this process.
package func start(_ forwarder: UserForwarder, for network: BorrowedDescriptor) throws(Fault) {
  let ready = try makePipe()
  let complaints = try makeMemoryFile("skiff-forwarder")
  let parent = processIdentifier()
  guard let process = try fork() else {
    // Given up, for their owners would close them at the end of this branch, which is before `become` is over.
    let ends = [ready.writing.release(), complaints.release()].map { BorrowedDescriptor(rawValue: $0) }
    become(forwarder, streams: [network] + ends, of: parent)
  }
  try ready.writing.close()
  var word: [UInt8] = []
  do throws(Fault) {
    var buffer = [UInt8](repeating: 0, count: 64)
    while !word.contains(UInt8(ascii: "\n")) {
      guard try !poll(ready.reading.borrowed, .readable, milliseconds: 10_000).isEmpty else { break }
      let count = try ready.reading.borrowed.read(into: &buffer)
      if count == 0 { break }
      word += buffer[..<count]
    }
    guard word.contains(UInt8(ascii: "\n")) else {
      throw Fault(
        operation: forwarder.program.name, .notPermitted, arguments: reason(in: complaints.borrowed), hint: tunnelHint()
      )
    }
    let identity = try ProcessIdentity(of: process)
    try replaceFile(
      forwarder.record, with: Array("\(identity.process) \(identity.startTicks)\n".utf8), durable: false)
  } catch {
    try? sendSignal(Signal.kill, toProcess: process)
    _ = try? wait(for: .process(process))
    throw error
  }
}

/// In the child: the program, with these as 0, 1 and 2.
private func become(
  _ forwarder: UserForwarder, streams: [BorrowedDescriptor], of parent: ProcessIdentifier
) -> Never {
  do throws(Fault) {
    // It goes on only where SIGPIPE is what it was by default, and Skiff ignores that.
    resetSignalDispositions()
    try setSignalMask(.set, [])
    if forwarder.isShared {
      // A terminal's signals are for the command.
      try startSession()
    } else {
      try setParentDeathSignal(Signal.kill)
      // Whoever died before that sends nothing any more.
      guard parentProcessIdentifier() == parent else { exitNow(127) }
    }
    for (number, stream) in streams.enumerated() { try stream.duplicate(asInherited: Int32(number)) }
    // What the caller's shell had open would be held as long as this runs.
    try closeDescriptors(from: 3, onExecute: true)
    throw execute(
      forwarder.program,
      arguments: ([forwarder.program.name] + forwarder.arguments + UserForwarder.ends).map { Path($0) },
      environment: ["PATH=/usr/bin:/bin"])
  } catch {
    try? BorrowedDescriptor(rawValue: 2).write("\(error)\n")
    exitNow(127)
  }
}

/// What it complained of last, without its complaints of there being no syslog.
private func reason(in file: BorrowedDescriptor) -> String {
  guard (try? file.seek(to: 0)) != nil, let bytes = try? file.readAll(limit: 65_536) else { return "" }
  let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { !$0.contains("to syslog") }
  return lines.last.map(String.init) ?? "it ended without a word"
}

private func tunnelHint() -> String? {
  let tunnel = Path("/dev/net/tun")
  if !exists(tunnel) { return "there is no \(tunnel): sudo modprobe tun" }
  return mayWrite(tunnel) ? nil : "\(tunnel) is closed to this user: sudo chmod 666 \(tunnel)"
}

/// Ends the one that the record names, if it still runs.
package func stopForwarder(recordedIn record: Path) throws(Fault) {
  let text: String
  do throws(Fault) { text = try readText(record, limit: 256) } catch {
    if error.errno == .noSuchFile { return }
    throw error
  }
  let numbers = text.split(separator: " ").compactMap { UInt64($0) }
  if numbers.count == 2, let number = ProcessIdentifier(exactly: numbers[0]),
    let process = ProcessIdentity(process: number, startTicks: numbers[1]).open()
  {
    try? sendSignal(Signal.kill, to: process.borrowed)
    // Its ports are free when it is gone. A child of this process is reaped too.
    _ = try? poll(process.borrowed, .readable, milliseconds: 5000)
    _ = try? wait(for: .process(number), block: false)
  }
  try removeFile(record)
}

/// Whether the one that the record names still runs.
package func forwarderRuns(recordedIn record: Path) -> Bool {
  let numbers = ((try? readText(record, limit: 256)) ?? "").split(separator: " ").compactMap { UInt64($0) }
  guard numbers.count == 2, let number = ProcessIdentifier(exactly: numbers[0]) else { return false }
  return ProcessIdentity(process: number, startTicks: numbers[1]).isAlive
}
