/// Speaks with registries: the OCI distribution specification, docker's tokens and credentials. The program `skiff-registry`.
///
/// It may know HTTP, TLS and the store of images; it may not know containers. What comes from a registry is hostile until its
/// digest is the one that a person named, or that a document with such a digest names: caps on everything, sizes and digests
/// checked while the bytes come, redirects that lead nowhere else, secrets for the host alone that they belong to.
///
/// ```
/// Session       one call: the request, the settings, the HTTP client
/// Registry      a registry: its mirrors, and itself
/// RegistryConnection  one address: redirects, tries, challenges (Authorizer)
/// Pull, Push    manifests and blobs, between there and the store
/// Load          no registry at all: an archive, by the libraries that only this program can open
/// ```
internal import Arguments
internal import AsyncHTTPClient
internal import Blobs
internal import JSON
internal import Kernel
internal import RegistryRequests

/// The program: carries out the request on descriptor 3; the exit code.
package func registryMain() async -> Int32 {
  // A reader of the progress that has gone, or a connection, answers EPIPE.
  try? ignoreSignal(Signal.pipe)
  let request: RegistryRequest
  do { request = try RegistryHelper.receive() } catch {
    complain("\(RegistryHelper.name) is run by skiff: \(error)", hint: "use 'skiff pull', 'skiff push', 'skiff login'")
    return 125
  }
  do {
    // No registry is asked, and no client made.
    if request.action == .load {
      try Load(request).run()
      return 0
    }
    let session = try Session(request)
    let result: Result<Void, any Error>
    do {
      switch request.action {
      case .pull: try await Pull(session).run()
      case .push: try await Push(session).run()
      case .login: try await Login(session).run()
      case .logout: try Login(session).forget()
      case .search: try await Search(session).run()
      case .load: break
      }
      result = .success(())
    } catch { result = .failure(error) }
    await session.progress.finish()
    try await session.http.shutdown()
    try result.get()
    return 0
  } catch {
    let failure =
      error as? RegistryFailure ?? (error as? StoreError).map { RegistryFailure($0) } ?? RegistryFailure("\(error)")
    complain(failure.message, hint: failure.hint)
    return 1
  }
}

/// As `skiff` says it: the message, and a hint below. What a registry said in it may not begin a line of its own.
private func complain(_ message: String, hint: String?) {
  let text = "skiff: \(printableLine(message))\n" + (hint.map { "hint: \(printableLine($0))\n" } ?? "")
  try? BorrowedDescriptor.standardError.write(text)
}
