internal import AsyncHTTPClient
internal import ImageSpec
internal import JSON
internal import NIOHTTP1

// What is about an image and lies beside it in its repository: bills of materials, signatures (distribution-spec 1.1,
// "Listing Referrers").

extension RegistryConnection {
  /// More than anybody attaches to one image.
  static let maximumReferrers = 1000

  /// The manifests whose subject is this one, as the registry lists them: by its referrers API or, where it has none, in the
  /// index that clients keep under a tag made of the digest.
  func referrers(_ repository: String, of subject: Digest) async throws -> [ContentDescriptor] {
    let what = "cannot list what is about \(subject)"
    var found: [ContentDescriptor] = []
    var next: WebAddress? = address(repository, "referrers/\(subject)")
    var pages = 0
    while let page = next {
      let isFirst = pages == 0
      var call = RegistryCall(.GET, page, scopes: [pulling(repository)])
      call.headers.add(name: "accept", value: MediaType.ociIndex.rawValue)
      let (head, body) = try await fetch(
        call, what, accepted: isFirst ? [200, 400, 404, 405] : [200], limit: Self.manifestLimit)
      let type = head.headers.first(name: "content-type").map { $0.prefix { $0 != ";" } }
      guard head.status == .ok, type == MediaType.ociIndex.rawValue[...] else {
        if isFirst { return try await taggedReferrers(repository, of: subject)?.manifests ?? [] }
        throw RegistryFailure("\(what): the registry answered \(type ?? "nothing that says what it is")")
      }
      found += try Self.index(body, what).manifests
      pages += 1
      guard found.count <= Self.maximumReferrers, pages <= Self.maximumReferrers else {
        throw RegistryFailure("\(what): there are more than \(Self.maximumReferrers)")
      }
      // A page may bring nothing and lead on: the registry has left out what was not asked for.
      next = head.headers.first(name: "link").flatMap { Self.nextPage($0, after: page) }
    }
    return found
  }

  /// The index under the tag `sha256-…`, as `putTaggedReferrers` writes it; nil when there is none.
  func taggedReferrers(_ repository: String, of subject: Digest) async throws -> Index? {
    let what = "cannot list what is about \(subject)"
    let call = manifestCall(.GET, repository, Self.referrersTag(of: subject))
    let (head, body) = try await fetch(call, what, accepted: [200, 404], limit: Self.manifestLimit)
    return head.status == .ok ? try Self.index(body, what) : nil
  }

  private static func index(_ bytes: [UInt8], _ what: String) throws -> Index {
    do throws(JSONError) { return try Index(parsing: bytes) } catch {
      throw RegistryFailure("\(what): the answer is refused: \(error)")
    }
  }

  /// distribution-spec, "Referrers Tag Schema".
  static func referrersTag(of subject: Digest) -> String { "sha256-\(subject.hex)" }

  /// Whether a tag holds what is about an image, and no image: that of the specification, and those that cosign makes
  /// (`sha256-….sig`).
  static func isReferrersTag(_ tag: String) -> Bool {
    guard tag.hasPrefix("sha256-") else { return false }
    let rest = tag.dropFirst(7)
    guard Digest(hex: String(rest.prefix(64))) != nil else { return false }
    return rest.count == 64 || rest.dropFirst(64).hasPrefix(".")
  }
}

extension Manifest {
  /// What a list calls it: the type of its content.
  var typeInLists: String { artifactType ?? config.mediaType.rawValue }
}
