internal import AsyncHTTPClient
internal import Blobs
internal import Hashing
internal import ImageSpec
internal import JSON
internal import NIOHTTP1

/// A manifest or an index as a registry gave it, its digest computed from the bytes.
struct FetchedManifest: Sendable {
  var descriptor: ContentDescriptor
  var bytes: [UInt8]

  enum Document: Sendable {
    case image(Manifest)
    case index(Index)
  }

  /// What the bytes say.
  func document() throws -> Document {
    do throws(JSONError) {
      return descriptor.mediaType.isIndex
        ? .index(try Index(parsing: bytes)) : .image(try Manifest(parsing: bytes))
    } catch {
      throw RegistryFailure("\(descriptor.digest.short)… is refused: \(error)")
    }
  }
}

extension RegistryConnection {
  /// What registries accept themselves (distribution: 4 MB).
  static let manifestLimit = 4 << 20

  private static let accepted = [
    MediaType.ociIndex, .ociManifest, .dockerManifestList, .dockerManifest,
  ].map(\.rawValue).joined(separator: ", ")

  /// - Parameter word: a tag or a digest.
  func manifestCall(_ method: HTTPMethod, _ repository: String, _ word: String) -> RegistryCall {
    var call = RegistryCall(method, address(repository, "manifests/\(word)"), scopes: [pulling(repository)])
    call.headers.add(name: "accept", value: Self.accepted)
    return call
  }

  /// The manifest of a tag or a digest.
  ///
  /// - Parameter expected: what an index says of it.
  func manifest(
    _ repository: String, _ word: String, digest: Digest? = nil, expected: ContentDescriptor? = nil
  ) async throws -> FetchedManifest {
    let what = "cannot read the manifest of \(repository):\(word)"
    let (head, bytes) = try await fetch(manifestCall(.GET, repository, word), what, limit: Self.manifestLimit)
    let mediaType = try Self.mediaType(head.headers, bytes, what)
    let own = SHA256.digest(of: bytes)
    if let promised = digest ?? expected?.digest, promised != own {
      throw RegistryFailure("\(what): the registry sent one with another digest, \(own)")
    }
    if let told = head.headers.first(name: "docker-content-digest"), told.hasPrefix("sha256:"), told != own.description
    {
      throw RegistryFailure("\(what): the registry says its digest is \(told), and it is \(own)")
    }
    if let expected, expected.size != Int64(bytes.count) || expected.mediaType != mediaType {
      throw RegistryFailure("\(what): it is \(mediaType) of \(bytes.count) bytes, and its index says otherwise")
    }
    return FetchedManifest(
      descriptor: ContentDescriptor(mediaType: mediaType, digest: own, size: Int64(bytes.count)), bytes: bytes)
  }

  /// The header's word counts, and the document may not contradict it: bytes that are one thing to us and another to who
  /// checked them are refused (CVE-2021-41190).
  static func mediaType(_ headers: HTTPHeaders, _ bytes: [UInt8], _ what: String) throws -> MediaType {
    let header = headers.first(name: "content-type")?.prefix { $0 != ";" }.split(separator: " ").first.map(String.init)
    if header?.hasPrefix("application/vnd.docker.distribution.manifest.v1") == true {
      throw RegistryFailure(
        "\(what): it is a manifest of Docker's schema 1, which no registry should give any more",
        hint: "push the image again with a docker of 2017 or later")
    }
    if let header, !header.contains("json"), !["application/octet-stream", "text/plain"].contains(header) {
      throw RegistryFailure("\(what): the registry answered \(header.prefix(80)), which is no manifest")
    }
    let stated = try MediaTypeMember.read(bytes, what)
    let types = [header, stated?.rawValue].compactMap { $0 }.map { MediaType(rawValue: $0) }
      .filter { $0.isIndex || $0.isManifest }
    guard let first = types.first else {
      throw RegistryFailure(
        "\(what): the registry answered \(header ?? "nothing that says what it is"), which is no manifest")
    }
    if let stated, stated != first {
      throw RegistryFailure("\(what): the registry calls it \(first), and it says it is \(stated): refused")
    }
    return first
  }
}

/// The member `mediaType` of a document, whatever else it is.
private struct MediaTypeMember: JSONReadable {
  static var jsonLimits: JSONLimits { Manifest.jsonLimits }
  var mediaType: MediaType?

  init(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextMember() {
      if key == "mediaType" { mediaType = try reader.value() } else { try reader.skip() }
    }
  }

  static func read(_ bytes: [UInt8], _ what: String) throws -> MediaType? {
    do throws(JSONError) { return try MediaTypeMember(parsing: bytes).mediaType } catch {
      throw RegistryFailure("\(what): the registry answered what is no JSON document: \(error)")
    }
  }
}
