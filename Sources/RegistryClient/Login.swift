internal import JSON
internal import Kernel
internal import NIOHTTP1
internal import RegistryRequests

/// Proves a user's name and password to a registry, and keeps them where docker does.
struct Login: Sendable {
  let session: Session
  /// As in a reference.
  let domain: String

  init(_ session: Session) {
    self.session = session
    let server = plainServer(session.request.name)
    // docker's own names of it, and no name at all.
    domain = ["", "index.docker.io", "registry-1.docker.io"].contains(server) ? "docker.io" : server
  }

  func run() async throws {
    guard let username = session.request.username, let password = session.request.password, !username.isEmpty,
      !password.isEmpty
    else { throw RegistryFailure("a login needs a user name and a password") }
    let credentials = Credentials.password(username: username, password: password)
    let registry = try await Registry(
      domain, settings: session.settings, http: session.http, verifiesTLS: session.request.verifiesTLS,
      credentials: credentials, for: .writing)
    let call = RegistryCall(.GET, registry.origin.base.appending("/v2/"), scopes: [])
    do { _ = try await registry.origin.fetch(call, "cannot log in to \(domain)") } catch let failure as RegistryFailure
    {
      guard failure.kind == .unauthorized else { throw failure }
      throw RegistryFailure(failure.message, hint: "the user name or the password is wrong")
    }
    if let file = try CredentialStore().save(domain, username: username, password: password) {
      let warning = """
        WARNING! Your credentials are stored unencrypted in '\(file)'.
        Configure a credential helper to remove this warning. See
        https://docs.docker.com/go/credential-store/

        """
      try? BorrowedDescriptor.standardError.write(warning)
    }
    session.say("Login Succeeded")
  }

  func forget() throws {
    let wasThere = try CredentialStore().erase(domain)
    session.say(
      wasThere ? "Removing login credentials for \(CredentialStore.server(of: domain))" : "Not logged in to \(domain)")
  }
}
