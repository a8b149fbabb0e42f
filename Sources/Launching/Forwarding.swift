package import Kernel
package import Steps

// pasta(1) or slirp4netns(1) beside a container: started when there is a network to forward for, ended with it.

/// Starts it and waits until the container can be reached. Unless it is shared it dies with this process.
package func start(_ forwarder: UserForwarder, for network: BorrowedDescriptor) throws(Fault) {
  do throws(Fault) { try startOnce(forwarder, for: network) } catch {
    var other = forwarder
    // Built without it, or under a kernel that has not what its filter names.
    let filter = "--enable-seccomp"
    if forwarder.arguments.contains(filter), error.arguments.contains("seccomp") {
      other.arguments.removeAll { $0 == filter }
    } else if forwarder.kind == .pasta, error.arguments.contains("External interface not usable") {
      other.arguments += withoutNetwork
    } else {
      throw error
    }
    try startOnce(other, for: network)
  }
}

/// On a host without any network pasta before 2024_11_27 has no link to take addresses from, and ends. From then on it does by itself
/// what this says: link-local addresses, which lead to the ports that are published on the host, and nowhere else.
private let withoutNetwork = [
  "--ipv4-only", "--interface", "lo", "--address", "169.254.2.1", "--netmask", "16", "--gateway", "169.254.2.2",
  "--mac-addr", "9a:55:9a:55:9a:55", "--ns-ifname", "eth0",
]

private func startOnce(_ forwarder: UserForwarder, for network: BorrowedDescriptor) throws(Fault) {
  // Of one that was killed: it would not be made anew.
  if let socket = forwarder.socket { try? removeFile(socket) }
  let ready = try makePipe()
  let complaints = try makeMemoryFile("skiff-forwarder")
  let parent = processIdentifier()
  guard let process = try fork() else {
    // Given up, for their owners would close them at the end of this branch, which is before `become` is over.
    let ends = [ready.writing.release(), complaints.release()].map { BorrowedDescriptor(rawValue: $0) }
    let streams =
      switch forwarder.kind {
      case .pasta: [network] + ends
      case .slirp4netns: [network, ends[1], ends[1], ends[0]]
      }
    become(forwarder, streams: streams, of: parent)
  }
  try ready.writing.close()
  var word: [UInt8] = []
  do throws(Fault) {
    var buffer = [UInt8](repeating: 0, count: 64)
    func isReady() -> Bool { forwarder.kind == .pasta ? word.contains(UInt8(ascii: "\n")) : !word.isEmpty }
    while !isReady() {
      guard try !poll(ready.reading.borrowed, .readable, milliseconds: 10_000).isEmpty else { break }
      let count = try ready.reading.borrowed.read(into: &buffer)
      if count == 0 { break }
      word += buffer[..<count]
    }
    guard isReady() else {
      throw Fault(
        operation: forwarder.program.name, .notPermitted, arguments: reason(in: complaints.borrowed), hint: tunnelHint()
      )
    }
    try ask(forwarder)
    let identity = try ProcessIdentity(of: process)
    try replaceFile(
      forwarder.record, with: Array("\(identity.process) \(identity.startTicks)\n".utf8), durable: false)
  } catch {
    try? sendSignal(Signal.kill, toProcess: process)
    _ = try? wait(for: .process(process))
    throw error
  }
}

/// The ports, one connection each, as slirp4netns has it; nobody is to ask for more.
private func ask(_ forwarder: UserForwarder) throws(Fault) {
  guard let path = forwarder.socket else { return }
  for request in forwarder.requests {
    let socket = try connectUnix(path)
    try socket.borrowed.setReceiveTimeout(seconds: 10)
    _ = try socket.borrowed.send(Array(request.utf8))
    try socket.borrowed.shutDown(reading: false, writing: true)
    let answer = String(decoding: try socket.borrowed.readAll(limit: 4096), as: UTF8.self)
    guard answer.contains("\"return\"") else {
      throw Fault(
        operation: forwarder.program.name, .addressInUse, arguments: request,
        hint: "it answered \(answer): another program may have taken the port meanwhile")
    }
  }
  try removeFile(path)
}

/// In the child: the program, with these as 0, 1, 2 and so on.
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
    try closeDescriptors(from: Int32(streams.count), onExecute: true)
    throw execute(
      forwarder.program,
      arguments: ([forwarder.program.name] + forwarder.arguments + forwarder.ends).map { Path($0) },
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
  // slirp4netns says what it does as well.
  let worst = lines.last { $0.contains("seccomp") && !$0.hasPrefix("WARNING") } ?? lines.last
  return worst.map(String.init) ?? "it ended without a word"
}

private func tunnelHint() -> String? {
  let tunnel = Path("/dev/net/tun")
  if !exists(tunnel) { return "there is no \(tunnel): sudo modprobe tun" }
  return mayWrite(tunnel) ? nil : "\(tunnel) is closed to this user: sudo chmod 666 \(tunnel)"
}

/// Ends the one that the record names, if it still runs.
package func stopForwarder(recordedIn record: Path) throws(Fault) {
  do throws(Fault) { _ = try status(of: record) } catch {
    if error.errno == .noSuchFile { return }
    throw error
  }
  if let identity = forwarderIdentity(recordedIn: record), let process = identity.open() {
    try? sendSignal(Signal.kill, to: process.borrowed)
    // Its ports are free when it is gone. A child of this process is reaped too.
    _ = try? poll(process.borrowed, .readable, milliseconds: 5000)
    _ = try? wait(for: .process(identity.process), block: false)
  }
  try removeFile(record)
}

/// The process that the record names, whether it still runs or not.
package func forwarderIdentity(recordedIn record: Path) -> ProcessIdentity? {
  let numbers = ((try? readText(record, limit: 256)) ?? "").split(separator: " ").compactMap { UInt64($0) }
  guard numbers.count == 2, let number = ProcessIdentifier(exactly: numbers[0]) else { return nil }
  return ProcessIdentity(process: number, startTicks: numbers[1])
}

/// Whether the one that the record names still runs.
package func forwarderRuns(recordedIn record: Path) -> Bool {
  forwarderIdentity(recordedIn: record)?.isRunning ?? false
}
