import JSON
import Testing

@testable import RegistryRequests

@Suite struct RegistryRequestTests {
  @Test func comesThroughAsItWas() throws {
    var request = RegistryRequest(.push, "registry.example/a:b")
    request.root = "/var/lib/skiff"
    request.platform = "linux/arm64"
    (request.allTags, request.isQuiet, request.speaksOnErrors, request.verifiesTLS) = (true, true, true, false)
    request.progress = .json
    (request.username, request.password, request.limit) = ("alice", "pass\"word\u{1}", 7)
    #expect(try RegistryRequest(parsing: request.jsonBytes()) == request)
    let plain = RegistryRequest(.logout, "")
    #expect(try RegistryRequest(parsing: plain.jsonBytes()) == plain)
  }

  @Test(arguments: ["{}", #"{"action": "erase"}"#, "[]", ""])
  func refuses(text: String) {
    #expect(throws: JSONError.self) { try RegistryRequest(parsing: Array(text.utf8)) }
  }
}
