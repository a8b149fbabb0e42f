package import Kernel
package import Steps

// Links that change their network namespace (config-linux.md of the runtime specification, "Network Devices").
//
// The kernel closes a link that moves, and all its addresses and routes are gone. The number is kept only where nobody has it.
// Permanent addresses are given again, and with them come the routes to their networks. Other routes stay gone, as in runc 1.4
// and youki: routing is not the specification's, but of whoever configures the container's network.

extension RouteSocket {
  /// Moves a link out of the namespace of the socket. When it cannot be made there what it was here, it is moved back.
  package mutating func move(_ move: LinkMove, into namespace: BorrowedDescriptor) throws(Fault) -> LinkReturn {
    try check(move.newName)
    guard let link = try link(move.name) else {
      throw Fault(
        "RTM_GETLINK", .noSuchDevice, arguments: "\"\(move.name)\"", hint: "`ip link` shows the devices that are there")
    }
    var inside = try RouteSocket(in: namespace)
    // The kernel notices only after the move, and leaves the link where it is then.
    if !move.isTemplate, try inside.link(move.newName) != nil { throw Self.taken(move) }
    // Before the move, and before the link is down: IPv6 addresses do not outlast that.
    let addresses = try permanentAddresses(of: link.index)
    var back = LinkReturn(index: 0, name: move.name, wasUp: link.isUp)
    do throws(Fault) {
      back.index = try send(link, move, into: namespace, &inside)
      if move.isTemplate { try inside.rename(back.index, to: move.newName) }
      try inside.settle(back.index, move.newName, addresses, isUp: true)
      return back
    } catch {
      var fault = error
      do throws(Fault) {
        // A name that was taken in that moment: the link is there, under the one that it had.
        if back.index == 0, try self.link(move.name) == nil { back.index = try inside.link(move.name)?.index ?? 0 }
        if back.index != 0 { try takeBack(back, from: &inside, addresses) }
      } catch {
        fault.hint = [fault.hint, "and to move it back failed: \(error)"].compactMap { $0 }.joined(separator: "; ")
      }
      throw fault
    }
  }

  /// Moves a link back to where it came from, with the addresses that it has by now. Routes over it are not restored.
  mutating func takeBack(_ back: LinkReturn, from namespace: BorrowedDescriptor) throws(Fault) {
    var inside = try RouteSocket(in: namespace)
    let addresses = try inside.permanentAddresses(of: back.index)
    try takeBack(back, from: &inside, addresses)
  }

  /// Its number there.
  private mutating func send(
    _ link: Link, _ move: LinkMove, into namespace: BorrowedDescriptor, _ inside: inout RouteSocket
  ) throws(Fault) -> Int32 {
    // By what a template comes to it could not be found again; by a name of its own it can. 5 and up to 10 bytes just fit.
    let arrival = move.isTemplate ? "skiff\(link.index)" : move.newName
    lastLink = nil
    do throws(Fault) {
      try change(LinkName(move.name, index: link.index), about: "name \"\(arrival)\", the container's namespace") {
        $0.move(index: $1, namespace: namespace, name: arrival)
      }
    } catch {
      var fault = error
      switch error.errno {
      case .exists: fault = Self.taken(move)
      case .notPermitted:
        fault.hint = "moving a device takes CAP_NET_ADMIN in the network namespaces on both sides: run as root"
      default: break
      }
      throw fault
    }
    return try inside.index(of: LinkName(arrival))
  }

  private mutating func takeBack(
    _ back: LinkReturn, from inside: inout RouteSocket, _ addresses: [KeptAddress]
  ) throws(Fault) {
    let own = try callersNamespace()
    let view = own.borrowed
    lastLink = nil
    try inside.change(LinkName(back.name, index: back.index), about: "back into the namespace of the host") {
      $0.move(index: $1, namespace: view, name: back.name)
    }
    let index = try index(of: LinkName(back.name))
    try settle(index, back.name, addresses, isUp: back.wasUp)
  }

  private mutating func rename(_ index: Int32, to name: String) throws(Fault) {
    lastLink = nil
    try change(LinkName(name, index: index), about: "its name in the container") {
      $0.linkHeader(index: $1)
      $0.attribute(LinkAttribute.name, text: name)
    }
  }

  mutating func rename(_ link: LinkName, to name: String) throws(Fault) {
    let index = try index(of: link)
    defer { lastLink = nil }
    do throws(Fault) { try setName(link, index, name) } catch {
      guard error.errno == .busy else { throw error }
      try renameWhileDown(link, index, to: name)
    }
  }

  /// Before Linux 6.2 a link that is up keeps its name (dev_change_name). IPv6 addresses do not outlast that it is down.
  mutating func renameWhileDown(_ link: LinkName, _ index: Int32, to name: String) throws(Fault) {
    let addresses = try permanentAddresses(of: index).filter { $0.family == ipv6Family }
    try change(LinkName(link.name, index: index), about: "down") { $0.linkHeader(index: $1, changing: upFlag) }
    do throws(Fault) { try setName(link, index, name) } catch {
      try? settle(index, link.name, addresses, isUp: true)
      throw error
    }
    try settle(index, name, addresses, isUp: true)
  }

  private mutating func setName(_ link: LinkName, _ index: Int32, _ name: String) throws(Fault) {
    try change(LinkName(link.name, index: index), about: "name \"\(name)\"") {
      $0.linkHeader(index: $1)
      $0.attribute(LinkAttribute.name, text: name)
    }
  }

  /// In the order in which the kernel told them: the first of a network is the one that packets leave with.
  private mutating func settle(
    _ index: Int32, _ name: String, _ addresses: [KeptAddress], isUp: Bool
  ) throws(Fault) {
    for address in addresses {
      do throws(Fault) {
        try socket.request(
          "RTM_NEWADDR", RouteType.newAddress, [.create, .exclusive], about: "\"\(name)\", \(address)"
        ) { $0.address(address, index: index) }
      } catch {
        var fault = error
        if address.family == ipv6Family, error.errno == .accessDenied {
          fault.hint = "IPv6 is switched off there (net.ipv6.conf.all.disable_ipv6), and the device has such an address"
        }
        throw fault
      }
    }
    if isUp { try change(LinkName(name, index: index), about: "up") { $0.linkHeader(index: $1, isUp: true) } }
  }

  mutating func permanentAddresses(of index: Int32) throws(Fault) -> [KeptAddress] {
    var addresses: [KeptAddress] = []
    for message in try socket.dump(
      "RTM_GETADDR", RouteType.getAddress, about: "link \(index)", { $0.addressFilter(index: index) })
    {
      if let address = try KeptAddress(message, of: index) { addresses.append(address) }
    }
    return addresses
  }

  private static func taken(_ move: LinkMove) -> Fault {
    Fault(
      "RTM_NEWLINK", .exists, arguments: "\"\(move.name)\", name \"\(move.newName)\", the container's namespace",
      hint: "a device named \(move.newName) is in the container already: choose another name, or a template like eth%d")
  }
}

/// The network namespace of the calling thread.
func callersNamespace() throws(Fault) -> Descriptor { try open("/proc/thread-self/ns/net", .readOnly) }

/// Moves a link of the caller's namespace, over a socket of its own.
package func moveLink(_ move: LinkMove, into namespace: BorrowedDescriptor) throws(Fault) -> LinkReturn {
  var socket = try RouteSocket()
  return try socket.move(move, into: namespace)
}
