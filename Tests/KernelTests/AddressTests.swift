import Kernel
import Testing

@Suite struct AddressTests {
  @Test(arguments: [
    ("::", "::"), ("::1", "::1"), ("fd00::2", "fd00::2"), ("FD00:0:0:0:0:0:0:2", "fd00::2"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::ffff:192.0.2.1", "::ffff:c000:201"),
    ("fe80::a00:27ff:fe4e:66a1", "fe80::a00:27ff:fe4e:66a1"), ("0:0:1::", "0:0:1::"),
  ])
  func aText(_ text: String, means expected: String) throws {
    let address = try #require(IPv6Address(text))
    #expect(address.description == expected)
    #expect(IPv6Address(expected) == address && IPv6Address(bytes: address.bytes) == address)
  }

  @Test(arguments: [
    "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "::+1", "::-1",
    "1:2:3:4:5:6:7:",
    ":1:2:3:4:5:6:7", "::1.2.3", "1.2.3.4::", "fe80::1%eth0", "1:2:3:4::5:6:7:8", "::1/64", " ::1", "1.2.3.4",
  ])
  func whatIsNoAddress(_ text: String) { #expect(IPv6Address(text) == nil) }

  @Test func prefixes() throws {
    let prefix = try #require(IPv6Prefix("fd00:1:2::/48"))
    #expect(prefix.description == "fd00:1:2::/48" && !prefix.hasHostBits)
    #expect(prefix.last.description == "fd00:1:2:ffff:ffff:ffff:ffff:ffff")
    let address = try #require(IPv6Address("fd00:1:2:3::4"))
    #expect(prefix.contains(address) && address.isUniqueLocal && !address.isLinkLocal)
    let inner = try #require(IPv6Prefix("fd00:1:2:3::/64"))
    #expect(prefix.overlaps(inner) && inner.overlaps(prefix))
    let other = try #require(IPv6Prefix("fd00:1:3::/48"))
    #expect(!prefix.overlaps(other))
    #expect(IPv6Prefix("::/0")?.contains(address) == true)
    for text in ["fd00::/129", "fd00::/064", "fd00::", "fd00::/", "fd00::/-1", "/64"] {
      #expect(IPv6Prefix(text) == nil)
    }
  }

  @Test func bothFamilies() throws {
    let four = try #require(IPAddress("10.0.0.1"))
    let six = try #require(IPAddress("fd00::1"))
    #expect(four < six && four.v4 != nil && six.v6 != nil && four.v6 == nil)
    #expect(IPAddress("localhost") == nil)
  }
}
