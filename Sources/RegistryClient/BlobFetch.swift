internal import AsyncHTTPClient
internal import Blobs
internal import ImageSpec
internal import Kernel
internal import Layers
internal import NIOCore
internal import NIOHTTP1

/// Where the bytes of a blob go, and who is told how many there are.
struct BlobFetch: Sendable {
  let registry: Registry
  let repository: String
  let images: ImageStore
  let progress: ProgressReport
  let additions = Additions()

  private var store: BlobStore { images.blobs }

  /// Fetches a blob unless it is in the store; two at once, of this process or another, fetch it once.
  ///
  /// - Parameter diffID: of a layer, which is unpacked while it comes unless its tree is there.
  /// - Returns: false when it was there, or somebody else fetched it meanwhile.
  @discardableResult
  func fetch(_ blob: ContentDescriptor, diffID: Digest? = nil) async throws -> Bool {
    while true {
      if isThere(blob) { return false }
      if let lock = try FetchLock(blob.digest, in: store) {
        // Who had the lock before may have fetched it between the look and the lock.
        if isThere(blob) { return false }
        additions.note(blob.digest, diffID: diffID.flatMap { images.layers.contains($0) ? nil : $0 })
        try await registry.first { try await fetch(blob, diffID: diffID, from: $0) }
        lock.end()
        return true
      }
      await progress.status(blob, "Waiting for another pull")
      try await Task.sleep(nanoseconds: 50_000_000)
    }
  }

  /// What an earlier fetch left may be damaged, by a loss of power or by whoever sent it: then all of it is fetched.
  private func fetch(_ blob: ContentDescriptor, diffID: Digest?, from connection: RegistryConnection) async throws {
    let isPartThere = store.hasPart(of: blob.digest)
    do { try await download(blob, diffID: diffID, from: connection) } catch {
      guard isPartThere, !isTransient(error), !store.hasPart(of: blob.digest) else { throw error }
      try await download(blob, diffID: diffID, from: connection)
    }
  }

  private func download(_ blob: ContentDescriptor, diffID: Digest?, from connection: RegistryConnection) async throws {
    if let diffID, !images.layers.contains(diffID) {
      try await download(blob, into: try LayerSink(blob, diffID: diffID, into: images), from: connection)
    } else {
      try await download(blob, into: try BlobWriter(store: store, resuming: blob), from: connection)
    }
  }

  private func isThere(_ blob: ContentDescriptor) -> Bool { (try? store.open(blob)) != nil }

  /// Goes on where the connection was cut, as long as each try brings something.
  private func download<Sink: BlobSink & ~Copyable>(
    _ blob: ContentDescriptor, into sink: consuming Sink, from connection: RegistryConnection
  ) async throws {
    let what = "cannot fetch blob \(blob.digest) of \(registry.domain)/\(repository)"
    await progress.status(blob, "Downloading", isMoving: true)
    do throws(StoreError) { try sink.takeUpAll() } catch { throw RegistryFailure(error) }
    await progress.begin(blob, at: sink.count)
    var attempt = 1
    while sink.count < blob.size || blob.size == 0 {
      let before = sink.count
      do {
        let response = try await request(blob, from: connection, at: before, what)
        var skipped = response.status == .partialContent ? 0 : before
        for try await buffer in response.body {
          let bytes = Array(buffer.readableBytesView)
          // What is had already comes again from a registry that does not know ranges.
          let known = Int(min(skipped, Int64(bytes.count)))
          skipped -= Int64(known)
          guard sink.count + Int64(bytes.count - known) <= blob.size else {
            throw RegistryFailure("\(what): it is longer than the \(blob.size) bytes that it should have")
          }
          try sink.write(bytes[known...])
          await progress.advance(blob, to: sink.count)
        }
        if sink.count == blob.size { break }
        // The connection ended in good order, and too early.
        if sink.count == before { throw Self.cut(what, sink.count, blob) }
      } catch {
        guard isTransient(error) else { throw RegistryConnection.failure(what, error) }
        if sink.count == before { attempt += 1 } else { attempt = 1 }
        guard attempt <= connection.settings.attempts else {
          try? sink.keepForLater()
          throw RegistryConnection.failure(what, error)
        }
        await progress.status(blob, "Retrying", isMoving: true)
        try await connection.pause(before: attempt + 1)
      }
    }
    do throws(StoreError) { try sink.finish(expecting: blob) } catch {
      throw error.kind == .damaged ? RegistryFailure("\(what): \(error.message)") : RegistryFailure(error)
    }
    await progress.status(blob, "Download complete")
  }

  private static func cut(_ what: String, _ count: Int64, _ blob: ContentDescriptor) -> RegistryFailure {
    RegistryFailure("\(what): it ended after \(count) of \(blob.size) bytes", kind: .transient)
  }

  private func request(
    _ blob: ContentDescriptor, from connection: RegistryConnection, at offset: Int64, _ what: String
  ) async throws -> HTTPClientResponse {
    var call = RegistryCall(
      .GET, connection.address(repository, "blobs/\(blob.digest)"), scopes: [connection.pulling(repository)])
    call.seconds = nil
    if offset > 0 { call.headers.add(name: "range", value: "bytes=\(offset)-\(blob.size - 1)") }
    let response = try await connection.send(call, what)
    let rest = response.status == .partialContent ? blob.size - offset : blob.size
    switch response.status.code {
    case 200: break
    case 206:
      let range = response.headers.first(name: "content-range") ?? ""
      guard offset > 0, range.hasPrefix("bytes \(offset)-") else {
        throw RegistryFailure("\(what): the registry sent another part than it was asked for (\(range.prefix(80)))")
      }
    default:
      let body = (try? await response.body.collect(upTo: 1 << 16)).map { Array($0.readableBytesView) } ?? []
      throw RegistryFailure(what, status: response.status, headers: response.headers, body: body)
    }
    if let length = response.headers.first(name: "content-length").flatMap({ Int64($0) }), length != rest {
      throw RegistryFailure("\(what): the registry has \(length) bytes, and its manifest says \(rest)")
    }
    return response
  }
}

extension RegistryFailure {
  /// The store's words are a person's already.
  init(_ error: StoreError) { self.init(error.message, hint: error.hint ?? error.fault?.usualHint) }
}
