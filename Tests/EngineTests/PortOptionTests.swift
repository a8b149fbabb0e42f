import Engine
import Kernel
import Networks
import Testing

@Suite struct PortOptionTests {
  @Test func dockersForms() throws {
    let local = IPAddress.v4(IPv4Address(127, 0, 0, 1))
    let any = IPAddress.v4(IPv4Address(value: 0))
    #expect(try PortRequest.parse("80") == [PortRequest(.tcp, containerPort: 80)])
    #expect(try PortRequest.parse("8080:80") == [PortRequest(.tcp, hostPorts: 8080...8080, containerPort: 80)])
    #expect(
      try PortRequest.parse("127.0.0.1:53:5353/udp")
        == [PortRequest(.udp, address: local, hostPorts: 53...53, containerPort: 5353)])
    #expect(try PortRequest.parse("127.0.0.1::80/SCTP") == [PortRequest(.sctp, address: local, containerPort: 80)])
    #expect(
      try PortRequest.parse("0.0.0.0:1:2") == [PortRequest(.tcp, address: any, hostPorts: 1...1, containerPort: 2)])
    let six = try #require(IPAddress("fd00::1"))
    #expect(
      try PortRequest.parse("[fd00::1]:8080:80/udp")
        == [PortRequest(.udp, address: six, hostPorts: 8080...8080, containerPort: 80)])
    #expect(try PortRequest.parse("[fd00::1]::80") == [PortRequest(.tcp, address: six, containerPort: 80)])
    #expect(try PortRequest.parse("8000-8010:80") == [PortRequest(.tcp, hostPorts: 8000...8010, containerPort: 80)])
    #expect(
      try PortRequest.parse("9000-9002:80-82").map(\.hostPorts) == [9000...9000, 9001...9001, 9002...9002])
    #expect(try PortRequest.parse("65534-65535").map(\.containerPort) == [65534, 65535])
    #expect(try PortRequest.parse("1-65535").count == 65535)
    // Where the setting names an address, what a person writes still counts.
    let usual: [(String, IPAddress?)] = [
      ("80", local), ("8080:80", local), (":8080:80", local), ("0.0.0.0:8080:80", any),
      ("192.0.2.1:8080:80", IPAddress("192.0.2.1")),
    ]
    for (text, address) in usual { #expect(try PortRequest.parse(text, usual: local).map(\.address) == [address]) }
    #expect(try PortRequest.parseExposed("8000-8001/udp").map(\.containerPort) == [8000, 8001])
  }

  @Test(arguments: [
    "", ":", "0", "0:80", "65536", "-1", "+80", " 80", "80 ", "8 0", "80-", "-80", "81-80", "80/", "80/icmp", "a:80",
    "80:a", "1:2:3:4", "1.2.3:80:80", "1.2.3.4.5:80:80", "01.2.3.4:80:80", "localhost:80:80", "[::1:80:80",
    "[::1]80:80", "[10.0.0.1]:80:80",
    "[::1%lo]:80:80", "[::1]", "[]:80:80",
    "8000-8001:80-82", "80\n", "٨٠",
  ])
  func whatIsNoPortIsRefused(_ text: String) {
    #expect(throws: OptionError.self) { try PortRequest.parse(text) }
  }
}
