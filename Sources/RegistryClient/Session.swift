internal import AsyncHTTPClient
internal import Blobs
internal import ImageSpec
internal import Kernel
internal import Layers
internal import NIOCore
internal import RegistryRequests

/// One call of the helper: the request and what serves it.
struct Session: Sendable {
  let request: RegistryRequest
  let settings: RegistrySettings
  let progress: ProgressReport
  let http: HTTPClient

  init(_ request: RegistryRequest) throws {
    self.request = request
    settings = try RegistrySettings.read()
    progress = ProgressReport(request)
    var configuration = HTTPClient.Configuration()
    // They are followed here, where it is known what may go where.
    configuration.redirectConfiguration = .disallow
    configuration.httpVersion = .http1Only
    configuration.timeout = .init(connect: .seconds(10), read: .seconds(settings.stallSeconds))
    configuration.decompression = .disabled
    // Tries are counted here too; the client's own would go on until a call's deadline.
    configuration.connectionPool.retryConnectionEstablishment = false
    http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  func images() throws -> ImageStore {
    do throws(StoreError) {
      let images = try ImageStore(root: Path(request.root), options: .fastest)
      images.heal()
      return images
    } catch { throw RegistryFailure(error) }
  }

  func reference() throws -> Reference {
    do throws(ImageSpecError) { return try Reference(request.name) } catch { throw RegistryFailure(error.reason) }
  }

  /// The platform that was asked for, if any.
  func platform() throws -> Platform? {
    do throws(ImageSpecError) {
      return try request.platform.map { (text) throws(ImageSpecError) in try Platform(text) }
    } catch {
      throw RegistryFailure(error.reason)
    }
  }

  func registry(_ reference: Reference) async throws -> Registry {
    try await Registry(
      reference.domain, repository: reference.path, settings: settings, http: http, verifiesTLS: request.verifiesTLS)
  }

  /// What the command is for, on one line: also with --quiet.
  func say(_ text: String) {
    try? (request.speaksOnErrors ? BorrowedDescriptor.standardError : .standardOutput).write(text + "\n")
  }
}
