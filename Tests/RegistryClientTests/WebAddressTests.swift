import Testing

@testable import RegistryClient

@Suite struct WebAddressTests {
  @Test(arguments: [
    "file:///etc/passwd", "ftp://host/", "https://", "https:/host", "http://user:password@host/", "https://host:0/",
    "https://host:99999/", "https://ho st/", "https://host/\u{7f}", "gopher:x", "", "/path", "https://host:8x/",
  ])
  func refuses(text: String) { #expect(WebAddress(text) == nil) }

  @Test func readsWhatItWrites() throws {
    for text in ["https://host/", "http://host:5000/v2/a/b?c=d&e=f", "https://[::1]:8443/x", "http://127.0.0.1/"] {
      #expect(WebAddress(text)?.description == text)
    }
    #expect(WebAddress("HTTPS://Host.Example#part")?.description == "https://host.example/")
    #expect(WebAddress("https://host/a?secret=b")?.shown == "https://host/a")
  }

  @Test(arguments: [
    ("/other?x=1", "https://host:1/other?x=1"), ("next", "https://host:1/a/next"), ("?q", "https://host:1/a/b?q"),
    ("//cdn.example/blob", "https://cdn.example/blob"), ("http://plain/", "http://plain/"),
  ])
  func followsALocation(location: String, target: String) {
    #expect(WebAddress("https://host:1/a/b?c=d")?.resolving(location)?.description == target)
  }

  @Test(arguments: ["file:///etc/passwd", "", "data:text/plain,x", "javascript:0", "unix:/run/docker.sock"])
  func followsNothingElse(location: String) {
    #expect(WebAddress("https://host/a")?.resolving(location) == nil)
  }

  @Test func knowsItsOwnOriginAndLoopback() throws {
    let own = try #require(WebAddress("https://host/a"))
    #expect(WebAddress("https://host:443/b").map(own.hasSameOrigin) == true)
    for other in ["http://host/a", "https://host:444/", "https://host.example/"] {
      #expect(WebAddress(other).map(own.hasSameOrigin) == false)
    }
    for host in ["localhost", "127.0.0.1:5000", "127.8.9.1", "[::1]:80"] {
      #expect(WebAddress(isEncrypted: false, authority: host).isLoopback)
    }
    for host in ["127.0.0.1.example", "localhost.example", "128.0.0.1", "[::2]"] {
      #expect(!WebAddress(isEncrypted: false, authority: host).isLoopback)
    }
  }

  @Test func escapesParameters() {
    let address = WebAddress(isEncrypted: true, authority: "h").adding("scope", "repository:a/b:pull,push").adding(
      "é", "&")
    #expect(address.description == "https://h/?scope=repository%3Aa%2Fb%3Apull%2Cpush&%C3%A9=%26")
  }
}
