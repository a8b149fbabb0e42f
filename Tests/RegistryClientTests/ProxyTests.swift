import Testing

@testable import RegistryClient

/// By the table of Go's httpproxy package (golang.org/x/net/http/httpproxy).
@Suite struct ProxyTests {
  private func rules(_ variables: [String: String]) throws -> ProxyRules { try ProxyRules { variables[$0] } }

  private func proxy(_ address: String, _ variables: [String: String]) throws -> String? {
    try rules(variables).proxy(for: #require(WebAddress(address)))?.shown
  }

  @Test func eachSchemeHasItsProxy() throws {
    let both = ["HTTPS_PROXY": "secure.example:8443", "http_proxy": "http://plain.example"]
    #expect(try proxy("https://registry.example/", both) == "secure.example:8443")
    #expect(try proxy("http://registry.example/", both) == "plain.example:80")
    #expect(try proxy("https://registry.example/", [:]) == nil)
    // The upper case goes first, and an empty one is none.
    let upper = ["HTTPS_PROXY": "upper:1", "https_proxy": "lower:1"]
    #expect(try proxy("https://registry.example/", upper) == "upper:1")
    #expect(try proxy("https://registry.example/", ["HTTPS_PROXY": "", "https_proxy": "lower:1"]) == "lower:1")
    // A CGI program's HTTP_PROXY is its caller's header.
    #expect(try proxy("http://registry.example/", both.merging(["REQUEST_METHOD": "GET"]) { $1 }) == nil)
  }

  @Test(arguments: ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:5000", "[::1]:5000"])
  func thisMachineIsReachedDirectly(host: String) throws {
    #expect(try proxy("https://\(host)/", ["HTTPS_PROXY": "proxy:1"]) == nil)
  }

  @Test(arguments: [
    ("registry.example", "registry.example", true), ("registry.example", "example", true),
    ("registry.example", "EXAMPLE", true), ("registry.example", ".example", true),
    ("registry.example", "*.example", true), ("example", ".example", false), ("example", "*.example", false),
    ("example", "example", true), ("notexample", "example", false), ("registry.example", "other.example", false),
    ("registry.example", " a , registry.example , b ", true), ("registry.example", "*", true),
    ("registry.example:5000", "registry.example:5000", true), ("registry.example:5000", "registry.example:5001", false),
    ("registry.example", "registry.example:443", true), ("registry.example", "registry.example:80", false),
    ("10.1.2.3", "10.0.0.0/8", true), ("11.1.2.3", "10.0.0.0/8", false), ("10.1.2.3", "10.1.2.3", true),
    ("10.1.2.3:5000", "10.1.2.3:5000", true), ("10.1.2.3:5000", "10.1.2.3:80", false),
    ("10.1.2.3", "10.1.2.0/30", true),
    ("10.1.2.4", "10.1.2.0/30", false), ("10.1.2.3", "0.0.0.0/0", true), ("[fd00::1]", "fd00::/8", true),
    ("[fd00::1]", "fe00::/8", false), ("[fd00::1]", "fd00:0:0::1", true), ("[fd00::1]:5000", "[fd00::1]:5000", true),
    ("[fd00::1]", "[fd00::1]:80", false), ("[::ffff:10.1.2.3]", "10.0.0.0/8", true), ("registry.example", "", false),
    ("registry.example", "10.0.0.0/99,/8,:,[,]", false),
  ])
  func exceptions(host: String, list: String, isDirect: Bool) throws {
    let found = try proxy("https://\(host)/", ["HTTPS_PROXY": "proxy:1", "NO_PROXY": list])
    #expect((found == nil) == isDirect)
    #expect((try proxy("https://\(host)/", ["https_proxy": "proxy:1", "no_proxy": list]) == nil) == isDirect)
  }

  @Test func whatLetsUsInIsReadAndNotShown() throws {
    let proxy = try Proxy("http://al%40ice:p%3Ass@proxy.example:3128/")
    #expect(proxy.credentials == "al@ice:p:ss" && proxy.port == 3128 && proxy.kind == .http)
    #expect("\(proxy)" == "proxy.example:3128")
    #expect(try Proxy("socks5://[::1]").shown == "[::1]:1080")
  }

  @Test(arguments: [
    "https://s3cret:s3cret@proxy", "ftp://s3cret@proxy", "http://s3cret@", "http://s3cret:%zz@proxy",
    "http://s3cret:x@pro xy",
    "socks5://s3cret:s3cret@proxy", "http://s3cret@proxy:99999",
  ])
  func refusesWithoutShowingIt(text: String) {
    let failure = #expect(throws: RegistryFailure.self) { try rules(["HTTPS_PROXY": text]) }
    #expect(failure?.message.hasPrefix("HTTPS_PROXY is refused: ") == true)
    #expect(failure.map { !"\($0.message)\($0.hint ?? "")".contains("s3cret") } == true)
  }

  @Test func addresses() {
    #expect(addressBytes("::") == [UInt8](repeating: 0, count: 16))
    #expect(addressBytes("1:2:3:4:5:6:7:8") == [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8])
    #expect(addressBytes("::ffff:1.2.3.4") == [1, 2, 3, 4])
    for text in [
      "", ":", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "::+1", "1.2.3", "::1.2.3",
    ] {
      #expect(addressBytes(text) == nil, "\(text)")
    }
  }
}
