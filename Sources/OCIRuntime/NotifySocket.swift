package import Kernel
internal import RuntimeSpec

// sd_notify(3) out of a container: its program tells a socket of its own, and what it says of being ready is passed on to the
// socket that the service manager gave the runtime (NOTIFY_SOCKET). Nothing else is passed on: MAINPID and WATCHDOG are the
// host's affair.

/// The sockets between a container and the service manager.
package struct NotifyRelay: ~Copyable {
  private let inside: Descriptor
  private let manager: Descriptor

  init(listeningAt path: Path, manager address: String) throws(Fault) {
    let inside = try makeSocket(.unix, .datagram, nonBlocking: true)
    try inside.borrowed.bindUnix(path)
    // Whoever the program is in the container may write to it.
    try setMode(of: path, to: 0o777)
    let manager = try makeSocket(.unix, .datagram)
    if address.hasPrefix("@") {
      // An abstract name: a zero byte stands where the sign does.
      try manager.borrowed.connect(SocketAddress(bytes: [1, 0, 0] + Array(address.utf8.dropFirst())))
    } else {
      try manager.borrowed.connectUnix(Path(address))
    }
    self.inside = inside
    self.manager = manager
  }

  /// Poll for `.readable`, then call `pass`.
  package var borrowed: BorrowedDescriptor { inside.borrowed }

  /// Passes on what has been said so far.
  ///
  /// - Parameter process: who the service manager is to watch from then on.
  /// - Returns: whether the container is ready.
  package func pass(mainProcess process: ProcessIdentifier) throws(Fault) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count: Int
      do throws(Fault) { count = try inside.borrowed.receive(into: &buffer) } catch {
        if error.errno == .again { return false }
        throw error
      }
      guard let ready = readyLine(in: buffer[..<count]) else { continue }
      _ = try manager.borrowed.send(ready + [0x0a])
      _ = try manager.borrowed.send(Array("MAINPID=\(process)\n".utf8))
      try passBarrier()
      return true
    }
  }

  /// BARRIER=1 (sd_notify_barrier(3)): the manager closes the pipe when it has taken all that came before. Who sent it may be
  /// gone afterwards. One that does not know it is waited for a moment.
  private func passBarrier() throws(Fault) {
    let pipe = try makePipe()
    _ = try manager.borrowed.sendMessage(Array("BARRIER=1".utf8), descriptors: [pipe.writing.borrowed])
    try pipe.writing.close()
    _ = try poll(pipe.reading.borrowed, .readable, milliseconds: 5000)
  }

  /// Waits until the container is ready or its first process has ended.
  package func wait(for process: ProcessIdentifier, _ pidfd: BorrowedDescriptor) throws(Fault) {
    while true {
      let ready = try poll([(inside.borrowed, .readable), (pidfd, .readable)])
      if !ready[0].isEmpty, try pass(mainProcess: process) { return }
      if !ready[1].isEmpty { return }
    }
  }
}

/// `READY=1` of a message that says so.
func readyLine(in message: ArraySlice<UInt8>) -> [UInt8]? {
  message.split(separator: 0x0a).first { $0.starts(with: "READY=".utf8) }.map { Array($0) }
}

/// Where the container sees its socket.
private let notifyPlace = "/run/notify"

extension Spec {
  /// Shows the container the directory of its socket, which it cannot write to.
  mutating func addNotifySocket(below directory: Path) {
    mounts.append(
      Mount(
        destination: notifyPlace, type: "bind", source: directory.string,
        options: ["bind", "nosuid", "noexec", "nodev", "ro"]))
    process?.env.append("NOTIFY_SOCKET=\(notifyPlace)/notify.sock")
  }
}

extension ContainerDirectory {
  static let notify: Path = "notify"
  var notifySocket: Path { path.appending(Self.notify).appending("notify.sock") }
}

extension OCIRuntime {
  /// The socket of whoever manages services, when the runtime was started by one.
  var notifyAddress: String? {
    guard let address = environment("NOTIFY_SOCKET"), address.hasPrefix("/") || address.hasPrefix("@"),
      address.utf8.count < 108
    else { return nil }
    return address
  }

  /// Nil where nobody listens.
  func notifyRelay(of directory: borrowing ContainerDirectory) -> NotifyRelay? {
    guard let address = notifyAddress, exists(directory.path.appending(ContainerDirectory.notify)) else { return nil }
    do throws(Fault) { return try NotifyRelay(listeningAt: directory.notifySocket, manager: address) } catch {
      // A container that cannot tell that it is ready runs all the same.
      warn("cannot pass on NOTIFY_SOCKET: \(error)")
      return nil
    }
  }

  /// Waits for a container that nobody stays with.
  package func awaitReady(_ container: borrowing CreatedContainer) {
    switch container.relay {
    case .some(let relay): awaitReady(relay, container.process, container.pidfd.borrowed)
    case .none: return
    }
  }

  func awaitReady(_ relay: borrowing NotifyRelay, _ process: ProcessIdentifier, _ pidfd: BorrowedDescriptor) {
    do throws(Fault) { try relay.wait(for: process, pidfd) } catch { warn("cannot pass on NOTIFY_SOCKET: \(error)") }
  }
}

extension NotifyRelay? {
  // Optional chaining would consume it.

  package var view: BorrowedDescriptor? {
    switch self {
    case .some(let relay): relay.borrowed
    case .none: nil
    }
  }

  package func pass(mainProcess process: ProcessIdentifier) throws(Fault) -> Bool {
    switch self {
    case .some(let relay): try relay.pass(mainProcess: process)
    case .none: true
    }
  }
}
