package import Kernel
package import Steps

// What steps of a plan change of links, addresses and routes.

extension RouteSocket {
  /// Performs a step in the namespace of the socket. `container` is the namespace that the far end of a cable goes to.
  package mutating func perform(_ step: NetworkStep, container: BorrowedDescriptor?) throws(Fault) {
    switch step {
    case .makeBridge(let name, let mac):
      try check(name)
      try make(name, "bridge", about: "\"\(name)\", bridge, \(mac)") { $0.bridge(name: name, mac: mac) }
    case .makeVeth(let pair):
      guard let container else {
        throw Fault("plan", .invalid, arguments: "a veth pair, and no namespace for its peer")
      }
      try makeVeth(pair, container: container)
    case .attach(let link, let bridge):
      let master = try index(of: LinkName(bridge))
      try change(link, about: "bridge \"\(bridge)\"") {
        $0.linkHeader(index: $1)
        $0.attribute(LinkAttribute.master, word: UInt32(bitPattern: master))
      }
    case .reflect(let link):
      try change(link, about: "bridge_slave, IFLA_BRPORT_MODE=1") {
        $0.linkHeader(index: $1)
        $0.portFlag(LinkAttribute.portMode)
      }
    case .isolate(let link):
      try change(link, about: "bridge_slave, IFLA_BRPORT_ISOLATED=1") {
        $0.linkHeader(index: $1)
        $0.portFlag(LinkAttribute.portIsolation)
      }
    case .setMtu(let link, let mtu):
      try change(link, about: "mtu \(mtu)") {
        $0.linkHeader(index: $1)
        $0.attribute(LinkAttribute.mtu, word: mtu)
      }
    case .makeMacvlan(let link):
      guard let container else {
        throw Fault("plan", .invalid, arguments: "a macvlan link, and no namespace for it")
      }
      try makeMacvlan(link, container: container)
    case .makeDummy(let name):
      try check(name)
      try make(name, "dummy", about: "\"\(name)\", dummy") { $0.dummy(name: name) }
    case .makeVlan(let name, let parent, let identifier):
      try check(name)
      let index = try index(of: parent)
      try make(name, "8021q", about: "\"\(name)\", vlan \(identifier) on \"\(parent)\"") {
        $0.vlan(name: name, parent: index, identifier: identifier)
      }
    case .replaceDefaultRoute(let gateway, let link):
      let index = try index(of: link)
      try socket.request(
        "RTM_NEWROUTE", RouteType.newRoute, [.create, .replace], about: "default via \(gateway), \"\(link)\""
      ) {
        switch gateway {
        case .v4(let address): $0.defaultRoute(gateway: address, index: index)
        case .v6(let address): $0.defaultRoute(gateway: address, index: index)
        }
      }
    case .setUp(let link):
      try change(link, about: "up") { $0.linkHeader(index: $1, isUp: true) }
    case .rename(let link, let name):
      try check(name)
      try rename(link, to: name)
    case .setMacAddress(let link, let mac):
      try change(link, about: "address \(mac)") {
        $0.linkHeader(index: $1)
        $0.attribute(LinkAttribute.address, mac.bytes)
      }
    case .deleteLink(let name): try deleteLink(name)
    case .moveLink(let move):
      guard let container else { throw Fault("plan", .invalid, arguments: "a link to move, and no namespace for it") }
      _ = try self.move(move, into: container)
    case .returnLink(let link):
      guard let container else { throw Fault("plan", .invalid, arguments: "a link to move back, and no namespace") }
      try takeBack(link, from: container)
    case .addAddress(let link, let prefix):
      let index = try index(of: link)
      try socket.request(
        "RTM_NEWADDR", RouteType.newAddress, [.create, .exclusive], about: "\"\(link)\", \(prefix)"
      ) { $0.address(prefix, index: index) }
    case .addAddress6(let link, let prefix):
      let index = try index(of: link)
      do throws(Fault) {
        try socket.request(
          "RTM_NEWADDR", RouteType.newAddress, [.create, .exclusive], about: "\"\(link)\", \(prefix)"
        ) { $0.address(prefix, index: index) }
      } catch {
        var fault = error
        if error.errno == .accessDenied {
          fault.hint = "IPv6 is switched off there: see `sysctl net.ipv6.conf.all.disable_ipv6`"
        }
        throw fault
      }
    case .addDefaultRoute6(let gateway, let link):
      let index = try index(of: link)
      try socket.request(
        "RTM_NEWROUTE", RouteType.newRoute, [.create, .exclusive], about: "default via \(gateway), \"\(link)\""
      ) { $0.defaultRoute(gateway: gateway, index: index) }
    case .addLoopbackRoute6(let link):
      let index = try index(of: link)
      do throws(Fault) {
        try socket.request(
          // Not exclusive: that would refuse the route of another link too.
          "RTM_NEWROUTE", RouteType.newRoute, [.create], about: "local ::1, \"\(link)\", metric 1024"
        ) { $0.loopbackRoute6(index: index) }
      } catch { if error.errno != .exists { throw error } }
    case .addDefaultRoute(let gateway, let link):
      let index = try index(of: link)
      try socket.request(
        "RTM_NEWROUTE", RouteType.newRoute, [.create, .exclusive], about: "default via \(gateway), \"\(link)\""
      ) { $0.defaultRoute(gateway: gateway, index: index) }
    case .setSysctl(let key, let value, _): try writeControl(Path("/proc/sys/\(key)"), value)
    case .openNameSockets:
      throw Fault("plan", .invalid, arguments: "sockets for names, where only links, addresses and routes change")
    case .joinPlugins:
      throw Fault("plan", .invalid, arguments: "plugins, where only links, addresses and routes change")
    case .startForwarder, .startRelay, .stopForwarder:
      throw Fault("plan", .invalid, arguments: "a program that forwards, where only links, addresses and routes change")
    case .applyFirewall:
      throw Fault("plan", .invalid, arguments: "firewall rules, where only links, addresses and routes change")
    }
  }

  private mutating func makeVeth(_ pair: VethPair, container: BorrowedDescriptor) throws(Fault) {
    try check(pair.host)
    try check(pair.peer)
    let bridgeIndex = try index(of: LinkName(pair.bridge))
    let arguments = "\"\(pair.host)\", veth, bridge \"\(pair.bridge)\", peer \"\(pair.peer)\" \(pair.peerMac)"
    do throws(Fault) {
      try make(pair.host, "veth", about: arguments) {
        $0.veth(pair, bridgeIndex: bridgeIndex, namespace: container)
      }
    } catch {
      // The container's last run had the same name, and the kernel is still taking its namespace apart.
      guard error.errno == .exists else { throw error }
      do throws(Fault) { try deleteLink(pair.host) } catch { if error.errno != .noSuchDevice { throw error } }
      try make(pair.host, "veth", about: arguments) {
        $0.veth(pair, bridgeIndex: bridgeIndex, namespace: container)
      }
    }
  }

  private mutating func makeMacvlan(_ link: MacvlanLink, container: BorrowedDescriptor) throws(Fault) {
    try check(link.name)
    let parent = try index(of: LinkName(link.parent))
    let arguments = "\"\(link.name)\", macvlan on \"\(link.parent)\", mode \(link.mode.rawValue)"
    do throws(Fault) {
      try make(link.name, "macvlan", about: arguments) {
        $0.macvlan(link, parent: parent, namespace: container)
      }
    } catch {
      var fault = error
      switch error.errno {
      case .busy, .invalid:
        fault.hint =
          "\(link.parent) may be a port of a bridge, carry another kind of link, or have one in mode passthru"
      case .exists: fault.hint = "a link named \(link.name) is in the container already"
      default: break
      }
      throw fault
    }
  }

  private mutating func make(
    _ name: String, _ kind: String, about arguments: String, _ body: (inout MessageWriter) -> Void
  ) throws(Fault) {
    do throws(Fault) {
      try socket.request("RTM_NEWLINK", RouteType.newLink, [.create, .exclusive], about: arguments, body)
    } catch {
      var fault = error
      switch error.errno {
      case .notSupported:
        fault.hint =
          "the kernel has no \(kind) module: `modprobe \(kind)`, or install the distribution's extra kernel modules"
      case .exists: fault.hint = "a link named \(name) is there already: `ip link show \(name)`"
      default: break
      }
      throw fault
    }
  }

  /// RTM_NEWLINK without NLM_F_CREATE changes the link that is there.
  mutating func change(
    _ link: LinkName, about what: String, _ body: (inout MessageWriter, Int32) -> Void
  ) throws(Fault) {
    let index = try index(of: link)
    try socket.request("RTM_NEWLINK", RouteType.newLink, about: "\"\(link)\", \(what)") { body(&$0, index) }
  }

  private mutating func deleteLink(_ name: String) throws(Fault) {
    try check(name)
    lastLink = nil
    try socket.request("RTM_DELLINK", RouteType.deleteLink, about: "\"\(name)\"") {
      $0.linkHeader()
      $0.attribute(LinkAttribute.name, text: name)
    }
  }
}

/// One step in the network namespace of the caller, over a socket of its own.
package func perform(_ step: NetworkStep, container: BorrowedDescriptor? = nil) throws(Fault) {
  if case .setSysctl(let key, let value, _) = step { return try writeControl(Path("/proc/sys/\(key)"), value) }
  var socket = try RouteSocket()
  try socket.perform(step, container: container)
}
