import Kernel
import Networks
import Steps
import Testing

@Suite(.enabled(if: namespacesAreMissing == nil, "\(namespacesAreMissing ?? "")"))
struct EndpointTests {
  private func back(_ store: NetworkStore, subnet: String? = "10.90.0.0/24") throws {
    var options = NetworkOptions(name: "back")
    options.subnets = [subnet].compactMap { $0 }
    _ = try store.perform(store.prepareCreation(of: options))
  }

  private func asking(_ address: String) -> EndpointRequest {
    var request = EndpointRequest(network: "back")
    request.address = IPv4Address(address)
    return request
  }

  @Test func anAskedAddressIsLeasedOrRefused() throws {
    try withStore { store in
      try back(store)
      let attachment = try store.attach(identifier(1), to: asking("10.90.0.7"), isAlive: everybody)
      #expect(attachment.address.description == "10.90.0.7/24")
      try store.announce(
        NetworkMember(container: identifier(1), address: attachment.address.address, names: ["web"], hosts: "/nowhere"),
        on: "back")
      let taken = #expect(throws: NetworkError.self) {
        try store.attach(identifier(2), to: asking("10.90.0.7"), isAlive: everybody)
      }
      #expect(taken?.kind == .conflict && taken?.message.contains("held by container web") == true)
      for address in ["10.90.0.0", "10.90.0.1", "10.90.0.255", "10.91.0.7"] {
        let error = #expect(throws: NetworkError.self) {
          try store.attach(identifier(2), to: asking(address), isAlive: everybody)
        }
        #expect(error?.message.contains(address) == true)
      }
      // Of a dead container it can be had.
      let lease = store.run.appending("back/leases/10.90.0.7")
      try removeFile(lease)
      try makeSymbolicLink(lease, to: Path("\(identifier(1)).0.0"))
      #expect(try store.attach(identifier(2), to: asking("10.90.0.7"), isAlive: nobody).interface == 0)
    }
  }

  @Test func whatNeedsANetworkOrASubnetOfOnesOwn() throws {
    try withStore { store in
      try back(store, subnet: nil)
      let chosen = #expect(throws: NetworkError.self) {
        try store.attach(identifier(1), to: asking("10.90.0.7"), isAlive: everybody)
      }
      #expect(chosen?.message.contains("a subnet that was chosen for it") == true)
      var request = EndpointRequest(network: "bridge")
      request.aliases = ["db"]
      let alias = #expect(throws: NetworkError.self) {
        try store.attach(identifier(1), to: request, isAlive: everybody)
      }
      #expect(alias?.message.contains("networks of one's own") == true)
      request = EndpointRequest(network: "back")
      request.mac = MacAddress("03:42:00:00:00:01")
      #expect(throws: NetworkError.self) { try store.attach(identifier(1), to: request, isAlive: everybody) }
      #expect(try store.leases(of: store.find("back")).isEmpty)
    }
  }

  /// Of many that ask for one address at once, one has it.
  @Test func ofARaceForAnAddressOneWins() throws {
    try withStore { store in
      try back(store)
      let network = try currentNamespace()
      let inside = network.borrowed
      let racers = (1...8).map { number in
        background {
          try joinNamespace(inside, .network)
          _ = try store.attach(identifier(number), to: asking("10.90.0.7"), isAlive: everybody)
        }
      }
      var winners = 0
      for finish in racers {
        do {
          try finish()
          winners += 1
        } catch let error as NetworkError { #expect(error.message.contains("is held by container")) }
      }
      #expect(winners == 1)
      #expect(try store.leases(of: store.find("back")).count == 1)
    }
  }

  @Test func theDefaultRouteIsOnePerFamily() {
    func place(_ network: String, _ gateway: String?, priority: Int = 0) -> NetworkAttachment {
      var place = NetworkAttachment(
        network: network, address: IPv4Prefix(IPv4Address(10, 0, 0, 2), length: 24),
        gateway: gateway.flatMap { IPv4Address($0) }, bridge: "b", hostLink: "h")
      place.gatewayPriority = priority
      return place
    }
    func outlet(_ places: [NetworkAttachment]) -> [String] {
      var places = places
      NetworkAttachment.chooseDefaultRoutes(&places)
      return places.filter(\.isDefaultRoute).map(\.network)
    }
    #expect(outlet([place("b", "10.0.0.1"), place("a", "10.0.0.1")]) == ["a"])
    #expect(outlet([place("b", "10.0.0.1"), place("a", nil)]) == ["b"])
    #expect(outlet([place("b", "10.0.0.1", priority: 1), place("a", "10.0.0.1")]) == ["b"])
    #expect(outlet([place("a", nil)]) == [])
  }

  /// A link for each network, in the container's namespace, and one way out.
  @Test func twoNetworksAreTwoLinks() throws {
    let far = try makeNamespace()
    let inside = far.borrowed
    try withStore { store in
      try back(store)
      var second = EndpointRequest(network: "back")
      second.interfaceName = "lan0"
      second.mac = MacAddress("02:42:00:00:00:07")
      second.linkLocal = [.v4(IPv4Address(169, 254, 7, 7)), .v6(try #require(IPv6Address("fe80::7")))]
      var places = [
        try store.attach(identifier(1), to: "bridge", isAlive: everybody),
        try store.attach(identifier(1), to: second, interface: 1, isAlive: everybody),
      ]
      NetworkAttachment.chooseDefaultRoutes(&places)
      for step in places.flatMap(\.wiring) { try performStep(step, inside) }
      let steps = places.flatMap(\.inside)
      let shown = try inNamespace(inside) {
        for step in steps { try performStep(step) }
        return try run("ip", "address") + run("ip", "route")
      }
      #expect(shown.contains("lan0@") && shown.contains("eth0@") && shown.contains("02:42:00:00:00:07"))
      #expect(shown.contains("inet 10.90.0.2/24") && shown.contains("169.254.7.7/16") && shown.contains("fe80::7/64"))
      #expect(shown.components(separatedBy: "default via") == 1 && shown.contains("default via 10.90.0.1 dev lan0"))
      // Both cables are found again by the leases alone.
      for name in ["back", "bridge"] {
        for lease in try entries(of: store.run.appending("\(name)/leases")).map(\.name) {
          let file = store.run.appending("\(name)/leases").appending(lease)
          let interface = try readSymbolicLink(file).string.split(separator: ".").last ?? ""
          try removeFile(file)
          try makeSymbolicLink(file, to: Path("\(identifier(1)).0.\(interface)"))
        }
      }
      _ = try store.heal(isAlive: nobody)
      let links = try run("ip", "link")
      #expect(!links.contains(places[0].hostLink) && !links.contains(places[1].hostLink))
    }
  }
}

extension String {
  /// How often `part` is there.
  fileprivate func components(separatedBy part: String) -> Int {
    var (count, rest) = (0, self[...])
    while let range = rest.firstRange(of: part) {
      count += 1
      rest = rest[range.upperBound...]
    }
    return count
  }
}
