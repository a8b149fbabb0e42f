internal import Kernel
internal import Steps

// Ports of the host that its own programs use. What binds cannot tell who is in the way; /proc can.

/// Whether a program of the host could listen there now: the kernel itself says so.
///
/// - Returns: the port, one that the kernel chose for 0; nil when it is taken.
func freeHostPort(_ transport: PortEntry.Transport, _ address: IPAddress, _ port: UInt16) throws(Fault) -> UInt16? {
  let socket: Descriptor
  let domain: SocketDomain = address.v6 == nil ? .ipv4 : .ipv6
  switch transport {
  case .tcp:
    socket = try makeSocket(domain, .stream)
    // Connections that have just ended are in nobody's way; who listens is, whatever they set.
    try socket.borrowed.reuseAddress()
  case .udp: socket = try makeSocket(domain, .datagram)
  // Kernels without the module have no program that uses it either.
  case .sctp: return port == 0 ? nil : port
  }
  do throws(Fault) {
    if address.v6 != nil { try socket.borrowed.takeIPv6Alone() }
    try socket.borrowed.bind(.internet(address, port: port))
    return port == 0 ? try socket.borrowed.localAddress().port : port
  } catch {
    if error.errno == .addressInUse { return nil }
    throw error
  }
}

/// `nginx (process 812)`; nil when nobody is found: another namespace's, or gone by now.
func holder(of transport: PortEntry.Transport, port: UInt16) -> String? {
  // Of this thread: a namespace is a thread's.
  let tables = ["/proc/thread-self/net/\(transport)", "/proc/thread-self/net/\(transport)6"]
  let inodes = Set(tables.flatMap { socketInodes(in: (try? readText(Path($0), limit: 16 << 20)) ?? "", port: port) })
  guard !inodes.isEmpty, let processes = try? entries(of: "/proc") else { return nil }
  for process in processes {
    guard let number = ProcessIdentifier(process.name.string) else { continue }
    let directory = Path("/proc/\(number)/fd")
    guard let files = try? entries(of: directory) else { continue }
    for file in files {
      guard let target = try? readSymbolicLink(directory.appending(file.name)).string, target.hasPrefix("socket:["),
        inodes.contains(target.dropFirst(8).dropLast())
      else { continue }
      let name = (try? readText(Path("/proc/\(number)/comm"), limit: 64)) ?? ""
      return "\(name.isEmpty ? "a program" : name) (process \(number))"
    }
  }
  return nil
}

/// proc_net_tcp: `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode`, in hexadecimal. Of TCP only
/// who listens (0A) is in the way.
func socketInodes(in table: String, port: UInt16) -> [Substring] {
  table.split(separator: "\n").dropFirst().compactMap { line in
    let fields = line.split(separator: " ")
    guard fields.count > 9, let colon = fields[1].lastIndex(of: ":"),
      UInt16(fields[1][fields[1].index(after: colon)...], radix: 16) == port, fields[3] == "0A" || fields[3] == "07"
    else { return nil }
    return fields[9]
  }
}
