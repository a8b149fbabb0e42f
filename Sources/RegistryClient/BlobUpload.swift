internal import AsyncHTTPClient
internal import Blobs
internal import ImageSpec
internal import Kernel
internal import NIOCore
internal import NIOHTTP1

/// Sends blobs and manifests to one repository (distribution-spec, "Push").
struct BlobUpload: Sendable {
  let connection: RegistryConnection
  let repository: String
  let store: BlobStore
  let progress: ProgressReport
  /// Other repositories of the registry that may have a blob.
  let sources: [Digest: String]

  private var scopes: Set<Scope> { [.push(connection.name(repository))] }

  func send(_ blob: ContentDescriptor) async throws {
    await progress.status(blob, "Preparing")
    if try await isThere(blob) { return await progress.status(blob, "Layer already exists") }
    var session: WebAddress?
    if let source = sources[blob.digest] {
      switch try await mount(blob, from: source) {
      case .mounted: return await progress.status(blob, "Mounted from \(source)")
      case .opened(let address): session = address
      case .refused: break
      }
    }
    // A session that failed half-way may be gone: each try has a new one.
    var attempt = 1
    while true {
      do {
        let address: WebAddress
        if let opened = session { address = opened } else { address = try await open(blob) }
        session = nil
        try await transfer(blob, to: address)
        return await progress.status(blob, "Pushed")
      } catch {
        guard isTransient(error), attempt < connection.settings.attempts else { throw error }
        attempt += 1
        await progress.status(blob, "Retrying", isMoving: true)
        try await connection.pause(before: attempt)
      }
    }
  }

  /// - Parameter word: a tag or a digest.
  /// - Returns: what the registry says of it.
  @discardableResult
  func put(_ manifest: ContentDescriptor, bytes: [UInt8], as word: String) async throws -> HTTPHeaders {
    let what = "cannot push the manifest of \(repository):\(word)"
    var call = RegistryCall(.PUT, connection.address(repository, "manifests/\(word)"), scopes: scopes)
    call.headers.add(name: "content-type", value: manifest.mediaType.rawValue)
    call.body = { .bytes(ByteBuffer(bytes: bytes)) }
    let (head, _) = try await connection.fetch(call, what, accepted: [200, 201, 202])
    if let told = head.headers.first(name: "docker-content-digest"), told != manifest.digest.description {
      throw RegistryFailure("\(what): the registry keeps it as \(told), and it is \(manifest.digest)")
    }
    return head.headers
  }

  private func isThere(_ blob: ContentDescriptor) async throws -> Bool {
    let what = "cannot ask for blob \(blob.digest)"
    let call = RegistryCall(.HEAD, connection.address(repository, "blobs/\(blob.digest)"), scopes: scopes)
    let (head, _) = try await connection.fetch(call, what, accepted: [200, 404])
    return head.status == .ok
  }

  private enum Mounting {
    case mounted
    /// It was not, and this upload may be used instead.
    case opened(WebAddress)
    case refused
  }

  private func mount(_ blob: ContentDescriptor, from source: String) async throws -> Mounting {
    let uploads = connection.address(repository, "blobs/uploads/").adding("mount", blob.digest.description)
    var call = RegistryCall(
      .POST, uploads.adding("from", connection.name(source)), scopes: scopes.union([connection.pulling(source)]))
    call.headers.add(name: "content-length", value: "0")
    do {
      let (head, _) = try await connection.fetch(call, "cannot mount blob \(blob.digest)", accepted: [201, 202])
      return head.status == .created ? .mounted : .opened(try location(head.headers, call.address))
    } catch let failure as RegistryFailure where failure.kind != .transient {
      // Whoever may not read the other repository uploads.
      return .refused
    }
  }

  private func open(_ blob: ContentDescriptor) async throws -> WebAddress {
    var call = RegistryCall(.POST, connection.address(repository, "blobs/uploads/"), scopes: scopes)
    call.headers.add(name: "content-length", value: "0")
    let (head, _) = try await connection.fetch(call, "cannot upload blob \(blob.digest)", accepted: [202])
    return try location(head.headers, call.address)
  }

  /// Where the upload goes on. Another host gets the bytes only over TLS, and never the token.
  private func location(_ headers: HTTPHeaders, _ address: WebAddress) throws -> WebAddress {
    guard let next = headers.first(name: "location").flatMap({ address.resolving($0) }) else {
      throw RegistryFailure("\(connection.base.authority) opens an upload without saying where")
    }
    guard next.isEncrypted || next.hasSameOrigin(as: connection.base) else {
      throw RegistryFailure("\(connection.base.authority) sends the upload to \(next.shown), over plain HTTP: refused")
    }
    return next
  }

  private func transfer(_ blob: ContentDescriptor, to address: WebAddress) async throws {
    await progress.status(blob, "Pushing", isMoving: true)
    if blob.size <= Int64(connection.settings.chunkBytes) {
      return try await finish(blob, at: address, from: 0)
    }
    var (next, offset, failures) = (address, Int64(0), 0)
    while offset < blob.size {
      let end = min(offset + Int64(connection.settings.chunkBytes), blob.size)
      do {
        (next, offset) = try await part(blob, offset..<end, at: next)
        failures = 0
      } catch {
        failures += 1
        guard isTransient(error), failures < connection.settings.attempts else { throw error }
        try await connection.pause(before: failures + 1)
        (next, offset) = try await whatArrived(of: blob, at: next)
      }
    }
    try await finish(blob, at: next, from: blob.size)
  }

  /// One part of a blob; where the upload goes on, and with which byte.
  private func part(
    _ blob: ContentDescriptor, _ range: Range<Int64>, at address: WebAddress
  ) async throws -> (WebAddress, Int64) {
    let what = "cannot upload blob \(blob.digest)"
    var call = RegistryCall(.PATCH, address, scopes: scopes)
    call.seconds = nil
    call.isRepeatable = false
    call.headers.add(name: "content-type", value: "application/octet-stream")
    call.headers.add(name: "content-range", value: "\(range.lowerBound)-\(range.upperBound - 1)")
    call.body = body(blob, range)
    let (head, _) = try await connection.fetch(call, what, accepted: [202, 204])
    let count = try Self.arrived(head.headers, of: blob, what)
    guard count > range.lowerBound else { throw RegistryFailure("\(what): the registry takes none of it") }
    return (try location(head.headers, address), count)
  }

  private func whatArrived(of blob: ContentDescriptor, at address: WebAddress) async throws -> (WebAddress, Int64) {
    let what = "cannot go on with the upload of blob \(blob.digest)"
    let (head, _) = try await connection.fetch(RegistryCall(.GET, address, scopes: scopes), what, accepted: [202, 204])
    return (try location(head.headers, address), try Self.arrived(head.headers, of: blob, what))
  }

  /// Bytes that the registry has: `0-1023` are 1024, and `0-0` after nothing is none.
  private static func arrived(_ headers: HTTPHeaders, of blob: ContentDescriptor, _ what: String) throws -> Int64 {
    guard let range = headers.first(name: "range"), let last = Int64(range.drop { $0 != "-" }.dropFirst()), last >= 0,
      last < blob.size
    else { throw RegistryFailure("\(what): the registry does not say how much of it has arrived") }
    return last == 0 ? 0 : last + 1
  }

  /// The last call, with the rest of the bytes; the registry compares the digest.
  private func finish(_ blob: ContentDescriptor, at address: WebAddress, from offset: Int64) async throws {
    var call = RegistryCall(.PUT, address.adding("digest", blob.digest.description), scopes: scopes)
    call.seconds = nil
    call.isRepeatable = false
    call.headers.add(name: "content-type", value: "application/octet-stream")
    call.body = body(blob, offset..<blob.size)
    _ = try await connection.fetch(call, "cannot upload blob \(blob.digest)", accepted: [201, 204])
  }

  /// A part of the blob, read as it is sent.
  private func body(_ blob: ContentDescriptor, _ range: Range<Int64>) -> @Sendable () throws -> HTTPClientRequest.Body {
    let (store, progress) = (store, progress)
    return {
      let parts = BlobParts(file: try OpenBlob(store, blob), range: range, blob: blob, progress: progress)
      return .stream(parts, length: .known(range.upperBound - range.lowerBound))
    }
  }
}

/// A blob that several readers may have open.
private final class OpenBlob: Sendable {
  let descriptor: Descriptor
  init(_ store: BlobStore, _ blob: ContentDescriptor) throws { descriptor = try store.open(blob) }
}

/// The bytes of a range, 256 KB at a time.
private struct BlobParts: AsyncSequence, Sendable {
  typealias Element = ByteBuffer
  let file: OpenBlob
  let range: Range<Int64>
  let blob: ContentDescriptor
  let progress: ProgressReport

  struct AsyncIterator: AsyncIteratorProtocol {
    let parts: BlobParts
    var position: Int64

    mutating func next() async throws -> ByteBuffer? {
      let count = Swift.min(1 << 18, parts.range.upperBound - position)
      guard count > 0 else { return nil }
      let bytes = try parts.file.descriptor.borrowed.read(Int(count), at: Int(position))
      guard bytes.count == Int(count) else {
        throw RegistryFailure("a blob of the store became shorter while it was read")
      }
      position += count
      await parts.progress.advance(parts.blob, to: position)
      return ByteBuffer(bytes: bytes)
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(parts: self, position: range.lowerBound) }
}
