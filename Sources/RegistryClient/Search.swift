internal import AsyncHTTPClient
internal import JSON
internal import NIOHTTP1
internal import RegistryRequests

/// Looks for images by words: `bash` at docker.io, `registry.example/bash` elsewhere. The answer goes out as one JSON document,
/// which `skiff search` makes a table of.
struct Search: Sendable {
  let session: Session

  init(_ session: Session) { self.session = session }

  func run() async throws {
    let (domain, words) = Self.split(session.request.name)
    let registry = try await Registry(
      domain, settings: session.settings, http: session.http, verifiesTLS: session.request.verifiesTLS)
    let what = "cannot search \(domain)"
    // docker.io searches at the server of its first protocol.
    let base =
      domain == "docker.io" ? WebAddress(isEncrypted: true, authority: "index.docker.io") : registry.origin.base
    let query = base.appending("/v1/search").adding("q", words).adding("n", "\(session.request.limit)")
    let (head, body) = try await registry.origin.fetch(
      RegistryCall(.GET, query, scopes: []), what, accepted: [200, 404], limit: 4 << 20)
    if head.status == .ok, let results = (try? JSONValue(parsing: body))?["results"], results.array != nil {
      return session.say(results.jsonString())
    }
    // Registries of today have no search; a catalogue is what some have (distribution-spec before 1.1).
    let catalogue = registry.origin.base.appending("/v2/_catalog").adding("n", "1000")
    let call = RegistryCall(.GET, catalogue, scopes: [Scope(text: "registry:catalog:*")])
    let (_, list) = try await registry.origin.fetch(call, what, limit: 4 << 20)
    guard let names = try TagList.read(list, member: "repositories") else {
      throw RegistryFailure("\(what): the answer is no list of repositories")
    }
    let found = names.filter { words.isEmpty || $0.contains(words) }.prefix(session.request.limit)
    let results = found.map { name -> JSONValue in
      ["name": .string("\(domain)/\(name)"), "description": "", "star_count": 0, "is_official": false]
    }
    session.say(JSONValue.array(results).jsonString())
  }

  private static func split(_ text: String) -> (domain: String, words: String) {
    guard let slash = text.firstIndex(of: "/") else { return ("docker.io", text) }
    let first = text[..<slash]
    guard first.contains(".") || first.contains(":") || first == "localhost" else { return ("docker.io", text) }
    return (String(first), String(text[text.index(after: slash)...]))
  }
}
