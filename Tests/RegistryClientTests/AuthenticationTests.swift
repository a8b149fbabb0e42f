import Foundation
import JSON
import Testing

@testable import RegistryClient

@Suite struct AuthenticationTests {
  @Test func readsChallenges() {
    let header =
      #"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push", Basic realm="x \"y\"""#
    let found = Challenge.parse([header])
    #expect(
      found == [
        Challenge(
          scheme: "bearer",
          parameters: [
            "realm": "https://auth.docker.io/token", "service": "registry.docker.io",
            "scope": "repository:a/b:pull,push",
          ]),
        Challenge(scheme: "basic", parameters: ["realm": "x \"y\""]),
      ])
    #expect(Challenge.parse(["NEGOTIATE"]) == [Challenge(scheme: "negotiate", parameters: [:])])
    for broken in ["", ",,,", "=x", "Basic realm=\"open", "Bearer realm", "\"", "Basic =\"\""] {
      #expect(Challenge.parse([broken]).allSatisfy { $0.parameters.isEmpty })
    }
  }

  @Test func base64IsTheOneOfEverybody() {
    for text in ["", "a", "ab", "abc", "alice:pässword", String(repeating: "x", count: 100)] {
      let encoded = Data(text.utf8).base64EncodedString()
      #expect(Base64.encode(text) == encoded)
      #expect(Base64.decode(encoded) == text)
    }
    for broken in ["====x", "a b", "gICA", "é"] { #expect(Base64.decode(broken) == nil) }
  }

  private func file(_ text: String) throws -> CredentialFile { try CredentialFile(parsing: Array(text.utf8)) }

  @Test func findsCredentials() throws {
    let alice = Base64.encode("alice:one:two")
    let file = try file(
      """
      {"auths": {"https://index.docker.io/v1/": {"auth": "\(alice)"}, "quay.io/team": {"username": "bob", "password": "b"},
        "http://old.example:5000/v2/": {"identitytoken": "t", "auth": ""}, "kept.example": {}},
       "credHelpers": {"ecr.example": "ecr"}, "credsStore": "", "HttpHeaders": {"a": "b"}}
      """)
    #expect(
      file.entry(server: "https://index.docker.io/v1/", repository: "x")
        == .password(username: "alice", password: "one:two"))
    #expect(file.entry(server: "quay.io", repository: "team/web") == .password(username: "bob", password: "b"))
    #expect(file.entry(server: "old.example:5000", repository: "") == .identityToken("t"))
    #expect(file.entry(server: "kept.example", repository: "") == .anonymous)
    #expect(file.entry(server: "other.example", repository: "") == nil)
    #expect(file.helper(of: "ecr.example") == "ecr")
    #expect(file.helper(of: "https://index.docker.io/v1/") == nil)
    #expect(throws: JSONError.self) { try self.file(#"{"auths": {"a": {"auth": "%%%"}}}"#) }
  }

  /// Whatever prints one prints no secret.
  @Test func credentialsAreNotPrinted() {
    let secret = Credentials.password(username: "alice", password: "canary")
    #expect(!"\(secret)\(Credentials.identityToken("canary"))".contains("canary"))
  }

  @Test(arguments: [("0", 0), ("60", 60_000)])
  func waitsAsLongAsItIsTold(told: String, milliseconds: Int64) {
    #expect(RegistryConnection.pause(beforeAttempt: 2, told: told) == milliseconds)
  }

  @Test func waitsLongerEachTimeAndNotForHours() throws {
    #expect(RegistryConnection.pause(beforeAttempt: 2, told: "3600") == nil)
    for attempt in 2...6 {
      let base = Int64(250) << Int64(attempt - 1)
      let pause = try #require(RegistryConnection.pause(beforeAttempt: attempt, told: "Wed, 21 Oct 2026 07:28:00 GMT"))
      #expect((base...base * 3 / 2).contains(pause))
    }
  }

  @Test(arguments: [
    #"{"mirrors": []}"#, #"{"registries": {"a": {"mirrors": ["file:///x"]}}}"#, "[]",
    #"{"registries": {"a": {"tls": 1}}}"#,
  ])
  func refusesSettings(text: String) {
    #expect(throws: JSONError.self) { try RegistrySettings(parsing: Array(text.utf8)) }
  }
}
