import TOML
import Testing

@testable import RegistryClient

/// containers-registries.conf(5).
@Suite struct RegistriesConfigurationTests {
  private func settings(_ text: String) throws -> RegistrySettings {
    var settings = RegistrySettings()
    try settings.configuration.add(TOMLReader.read(Array(text.utf8)))
    return settings
  }

  /// `host name` of each place that is asked, in order.
  private func places(
    _ text: String, _ domain: String, _ repository: String, byDigest: Bool = false
  ) throws -> [String] {
    try settings(text).places(domain, repository, for: .reading(byDigest: byDigest)).map {
      "\($0.address) \($0.name(of: repository))\($0.isInsecure ? " insecure" : "")"
    }
  }

  static let example = """
    unqualified-search-registries = ["example.com"] # not docker's way
    short-name-mode = "enforcing"

    [[registry]]
    # The longest prefix counts.
    prefix = "example.com/foo"
    insecure = false
    blocked = false
    location = "internal.example:5000/bar"

    [[registry.mirror]]
    location = "mirror.example/mirror-for-foo"
    [[registry.mirror]]
    location = "mirror2.example:5000"
    insecure = true
    pull-from-mirror = "digest-only"
    [[registry.mirror]]
    location = 'mirror3.example'
    pull-from-mirror = "tag-only"

    [[registry]]
    location = "example.com"
    insecure = true

    [[registry]]
    prefix = "*.blocked.example"
    blocked = true

    [[registry]]
    prefix = "*.wild.example"
    insecure = true
    mirror = [ { location = "m.example/x", insecure = true }, ]
    mirror-by-digest-only = true

    [aliases]
    "short" = "docker.io/library/short"
    """

  @Test func aRepositoryIsWhereTheFileSays() throws {
    #expect(
      try places(Self.example, "example.com", "foo/image") == [
        "mirror.example mirror-for-foo/image", "mirror3.example image", "internal.example:5000 bar/image",
      ])
    #expect(
      try places(Self.example, "example.com", "foo/image", byDigest: true) == [
        "mirror.example mirror-for-foo/image", "mirror2.example:5000 image insecure", "internal.example:5000 bar/image",
      ])
    #expect(try places(Self.example, "example.com", "foo").last == "internal.example:5000 bar")
    #expect(try places(Self.example, "example.com", "food") == ["example.com food insecure"])
    #expect(try places(Self.example, "other.example", "foo") == ["other.example foo"])
    #expect(try places(Self.example, "a.b.wild.example:5000", "x/y") == ["a.b.wild.example:5000 x/y insecure"])
    #expect(
      try places(Self.example, "a.wild.example", "x/y", byDigest: true) == [
        "m.example x/x/y insecure", "a.wild.example x/y insecure",
      ])
    let failure = #expect(throws: RegistryFailure.self) { try places(Self.example, "a.blocked.example", "x") }
    #expect(failure?.message == "*.blocked.example is blocked on this machine")
  }

  /// Where it is read from is not where it is written to.
  @Test func aPushGoesWhereItsNameSays() throws {
    let places = try settings(Self.example).places("example.com", "foo/image", for: .writing)
    #expect(places == [RegistryPlace("example.com")])
  }

  /// registries.json comes first, for the registries that it names.
  @Test func ownSettingsGoFirst() throws {
    var settings = try settings(Self.example)
    let own = #"{"registries": {"example.com": {"mirrors": ["https://mine.example/hub"]}}}"#
    settings.registries = try RegistrySettings(parsing: Array(own.utf8)).registries
    #expect(
      try settings.places("example.com", "foo/image", for: .reading(byDigest: false)) == [
        RegistryPlace("https://mine.example/hub"), RegistryPlace("example.com"),
      ])
  }

  @Test(arguments: [
    "[[registry]]\ninsecure = true", "[[registry]]\nlocation = 'x'\ninsecure = 'yes'", "[registry]\nlocation = 'x'",
    "[[registry]]\nlocation = 'https://x'", "[[registry]]\nlocation = 'a b'", "registry = 1",
    "[[registry]]\nlocation = 1",
    "[[registry]]\nlocation = 'x'\n[[registry.mirror]]\ninsecure = true",
    "[[registry]]\nlocation = 'x'\n[[registry.mirror]]\nlocation = 'y'\npull-from-mirror = 'never'",
    "[registries.search]\nregistries = ['docker.io']",
  ])
  func refuses(text: String) { #expect(throws: RegistryFailure.self) { try settings(text) } }
}
