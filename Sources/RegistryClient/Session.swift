internal import Arguments
internal import Blobs
internal import ImageSpec
internal import Kernel
internal import Layers
internal import RegistryRequests

/// One call of the helper: the request and what serves it.
struct Session: Sendable {
  let request: RegistryRequest
  let settings: RegistrySettings
  let progress: ProgressReport
  let http: Transport

  init(_ request: RegistryRequest) throws {
    self.request = request
    settings = try RegistrySettings.read()
    progress = ProgressReport(request)
    http = try Transport(stallSeconds: settings.stallSeconds)
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

  func registry(_ reference: Reference, for use: Registry.Use) async throws -> Registry {
    try await Registry(
      reference.domain, repository: reference.path, settings: settings, http: http, verifiesTLS: request.verifiesTLS,
      for: use)
  }

  func warn(_ text: String) {
    try? BorrowedDescriptor.standardError.write("skiff: warning: \(printableLine(text))\n")
  }

  /// What the command is for, on one line: also with --quiet.
  func say(_ text: String) {
    try? (request.speaksOnErrors ? BorrowedDescriptor.standardError : .standardOutput).write(text + "\n")
  }
}
