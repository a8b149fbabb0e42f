import Engine
import Kernel
import Networks
import Testing

@Suite struct EndpointOptionTests {
  private func requests(
    _ networks: [String], _ change: (inout EndpointOptions) -> Void = { _ in }
  ) throws -> (mode: NetworkRequest, endpoints: [EndpointRequest]) {
    var options = EndpointOptions()
    options.networks = networks
    change(&options)
    return try options.requests()
  }

  @Test func modesAndNames() throws {
    #expect(try requests([]).mode == .bridge)
    #expect(try requests([]).endpoints == [EndpointRequest(network: "bridge")])
    #expect(try requests(["none"]).endpoints.isEmpty)
    let several = try requests(["back", "front"])
    #expect(several.mode == .named("back") && several.endpoints.map(\.network) == ["back", "front"])
  }

  @Test func theLongForm() throws {
    let text =
      "name=back,ip=10.90.0.7,ip6=fd00::7,mac-address=02:42:00:00:00:07,alias=db,\"alias=sql\","
      + "link-local-ip=169.254.7.7,interface-name=lan0,gw-priority=-2"
    let endpoint = try requests([text]).endpoints[0]
    #expect(endpoint.network == "back" && endpoint.address == IPv4Address(10, 90, 0, 7))
    #expect(endpoint.address6 == IPv6Address("fd00::7") && endpoint.mac == MacAddress("02:42:00:00:00:07"))
    #expect(endpoint.aliases == ["db", "sql"] && endpoint.linkLocal == [.v4(IPv4Address(169, 254, 7, 7))])
    #expect(endpoint.interfaceName == "lan0" && endpoint.gatewayPriority == -2)
    let option = "name=back,driver-opt=com.docker.network.endpoint.ifname=lan1"
    #expect(try requests([option]).endpoints[0].interfaceName == "lan1")
  }

  @Test func theOptionsBesideAreTheFirstNetworks() throws {
    let all = try requests(["back", "front"]) {
      $0.address = "10.90.0.7"
      $0.aliases = ["db"]
      $0.mac = "02:42:00:00:00:07"
    }
    #expect(all.endpoints[0].address == IPv4Address(10, 90, 0, 7) && all.endpoints[0].aliases == ["db"])
    #expect(all.endpoints[1] == EndpointRequest(network: "front"))
  }

  @Test(arguments: [
    (["back", "back"], "twice"), (["back", "bridge"], "does not go with other networks"),
    (["host", "back"], "does not go with other networks"), (["name=back,ip=x"], "no IPv4 address"),
    (["ip=10.0.0.1"], "name=NETWORK"), (["name=back,color=red"], "nothing that a network has"),
    (["name=back,link-local-ip=10.0.0.1"], "link-local"), (["name=back,interface-name=lo"], "no name of a link"),
    (["name=back,interface-name=a/b"], "no name of a link"), (["name=back,gw-priority=x"], "no priority"),
    (["name=back,driver-opt=evil=1"], "\"evil\" is no option"), (["name=back,alias=a b"], "no alias"),
    (["name=none,ip=10.0.0.1"], "does not go with --network none"),
    (["name=back,mac-address=02:42"], "hardware address"),
  ])
  func whatIsRefused(_ networks: [String], _ reason: String) {
    let error = #expect(throws: OptionError.self) { try requests(networks) }
    #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
  }

  @Test func twiceSaidIsRefused() {
    #expect(throws: OptionError.self) { try requests(["name=back,ip=10.0.0.1"]) { $0.address = "10.0.0.2" } }
    #expect(throws: OptionError.self) { try requests(["host"]) { $0.aliases = ["db"] } }
  }
}
