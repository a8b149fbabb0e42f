package import Kernel
internal import Steps

/// Published ports as sockets of this process, so that no program of the host gets one of them: the firewall would lead its
/// callers to the container. They listen, and `ss -ltnp` shows who has them, but take nothing: what comes by while the rules
/// are gone is dropped, and the caller tries again.
package struct PortHold: ~Copyable {
  package enum Use: Sendable {
    /// The firewall leads callers past the sockets.
    case held
    /// To see whether they can be had: an ordinary user may not have them drop anything.
    case tried
    /// Whoever has them as well takes the calls.
    case served
  }
  private let numbers: [Int32]
  /// How many files the process can open beside its sockets, where it may have no more.
  private static let spared = 256

  /// - Throws: who has one of them.
  package init(of ports: [PublishedPort], use: Use = .held) throws(NetworkError) {
    var held: [Int32] = []
    var failure: NetworkError?
    for port in ports {
      do throws(Fault) {
        if let socket = try listen(at: port, use) { held.append(socket.release()) }
      } catch {
        // The rest are published without a socket of ours; and whoever holds these opens files of its own.
        if error.errno == .tooManyOpenFiles, use == .held {
          for number in held.suffix(Self.spared) { _ = Descriptor(owning: number) }
          held.removeLast(min(Self.spared, held.count))
          break
        }
        failure =
          error.errno == .addressInUse
          ? portIsTaken(port, by: holder(of: port.transport, port: port.hostPort) ?? "a program of this host")
          : NetworkError("cannot hold port \(port.hostEnd)/\(port.transport)", error)
        break
      }
    }
    // A struct that throws from its own initializer has no deinit yet.
    if let failure {
      for number in held { _ = Descriptor(owning: number) }
      throw failure
    }
    numbers = held
  }

  /// Those that this process had before it executed itself again.
  package init(resuming numbers: [Int32]) { self.numbers = numbers }

  deinit { for number in numbers { _ = Descriptor(owning: number) } }

  /// Before the claims are given back: who takes one of these ports next finds nobody on it.
  package consuming func release() {}

  package var descriptors: [BorrowedDescriptor] { numbers.map { BorrowedDescriptor(rawValue: $0) } }
}

/// Nil where there is nothing to bind: sctp, whose sockets many kernels do not have.
private func listen(at port: PublishedPort, _ use: PortHold.Use) throws(Fault) -> Descriptor? {
  let socket: Descriptor
  let isIPv6 = port.address.v6 != nil
  switch port.transport {
  case .tcp:
    socket = try makeSocket(isIPv6 ? .ipv6 : .ipv4, .stream)
    // As for any server: connections of the one before that have just ended are in nobody's way.
    if !isIPv6 { try socket.borrowed.reuseAddress() }
  // Not here: two datagram sockets that both say so share the port.
  case .udp: socket = try makeSocket(isIPv6 ? .ipv6 : .ipv4, .datagram)
  case .sctp: return nil
  }
  if use == .held { try socket.borrowed.dropWhatArrives() }
  if isIPv6 { try socket.borrowed.takeIPv6Alone() }
  try socket.borrowed.bind(.internet(port.address, port: port.hostPort))
  // What this host sends to ::1 is led to no container unless that is published by itself. Refused at once, a program that
  // tried it first for "localhost" goes on to 127.0.0.1; a port that is bound and does not listen refuses.
  if port.transport == .tcp && (!isIPv6 || port.address.isLoopback || use == .served) {
    try socket.borrowed.listen(backlog: use == .served ? 512 : 1)
  }
  return socket
}

func portIsTaken(_ port: PublishedPort, by other: String) -> NetworkError {
  let next = port.hostPort == .max ? port.hostPort - 1 : port.hostPort + 1
  return NetworkError(
    .conflict, "port \(port.hostEnd)/\(port.transport) is in use by \(other)",
    hint: "publish another: -p \(next):\(port.containerPort); without a host port a free one is taken")
}
