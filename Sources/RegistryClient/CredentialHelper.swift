internal import JSON
internal import Kernel

/// A program `docker-credential-NAME` (github.com/docker/docker-credential-helpers): the verb is its argument, everything
/// else goes through its standard input and output.
struct CredentialHelper: Sendable {
  private let program: String

  init(_ name: String) throws {
    guard !name.isEmpty, !name.contains("/") else {
      throw RegistryFailure("\"\(name)\" in docker's config.json is no credential helper's name")
    }
    program = "docker-credential-\(name)"
  }

  /// Nil when it has none for the server.
  func get(_ server: String) throws -> Credentials? {
    let (code, output) = try run("get", server)
    let text = String(decoding: output, as: UTF8.self)
    if code != 0 {
      if text.contains("credentials not found in native keychain") { return nil }
      throw failure("get", code)
    }
    let document = try? JSONValue(parsing: output)
    guard let username = document?["Username"]?.string, let secret = document?["Secret"]?.string else {
      throw RegistryFailure("\(program) get answered what is no credential")
    }
    // Marks an identity token, as docker's own client does.
    if username == "<token>" { return .identityToken(secret) }
    return username.isEmpty ? nil : .password(username: username, password: secret)
  }

  func store(_ server: String, username: String, secret: String) throws {
    let input: JSONValue = ["ServerURL": .string(server), "Username": .string(username), "Secret": .string(secret)]
    let (code, _) = try run("store", input.jsonString())
    if code != 0 { throw failure("store", code) }
  }

  func erase(_ server: String) throws {
    let (code, _) = try run("erase", server)
    if code != 0 { throw failure("erase", code) }
  }

  /// What it printed is left out: it may be a secret.
  private func failure(_ verb: String, _ code: Int32) -> RegistryFailure {
    RegistryFailure(
      "\(program) \(verb) failed with code \(code)", hint: "docker's config.json names it in credsStore or credHelpers")
  }

  private func run(_ verb: String, _ input: String) throws -> (code: Int32, output: [UInt8]) {
    let directories = (environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map {
      Path(String($0))
    }
    guard let path = directories.map({ $0.appending(program) }).first(where: { mayExecute($0) }) else {
      throw RegistryFailure(
        "the credential helper \(program) is not on PATH", hint: "install it, or take it out of docker's config.json")
    }
    // Files in memory and not pipes: nobody waits for the other end then.
    let request = try makeMemoryFile("credential-request")
    try request.borrowed.write(input)
    try request.borrowed.seek(to: 0)
    let answer = try makeMemoryFile("credential-answer")
    let errors = try open("/dev/null", .writeOnly)
    let process = try spawn(
      path, arguments: [Path(program), Path(verb)], environment: Kernel.environment(),
      streams: [request.borrowed, answer.borrowed, errors.borrowed], resetsSignals: true, startsSession: false)
    guard let ended = try wait(for: .process(process)) else { throw RegistryFailure("\(program) was lost") }
    return (ended.status.code, try answer.borrowed.read(1 << 20, at: 0))
  }
}
