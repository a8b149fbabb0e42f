internal import Arguments
internal import Containers
internal import Engine
internal import Kernel
internal import RegistryRequests

extension ParsedArguments {
  /// A request for the helper with what the option table of the command has of it.
  func registryRequest(_ action: RegistryRequest.Action, _ name: String) throws(UsageError) -> RegistryRequest {
    var request = RegistryRequest(action, name)
    if action == .pull || action == .push { try refuseContentTrust() }
    let has = { (option: String) in self.command.options.contains { $0.name == option } }
    if has("platform") { request.platform = string("platform") }
    if has("all-tags") { request.allTags = flag("all-tags") }
    if has("quiet") { request.isQuiet = flag("quiet") }
    if has("referrers") { request.referrers = optionalFlag("referrers") }
    if has("tls-verify") { request.verifiesTLS = optionalFlag("tls-verify") ?? true }
    if has("progress"), let word = try choice("progress", of: RegistryRequest.Progress.allCases.map(\.rawValue)) {
      request.progress = RegistryRequest.Progress(rawValue: word) ?? .auto
    }
    return request
  }

  /// `--disable-content-trust=false` asks for signatures of Notary, which nobody here looks at.
  func refuseContentTrust() throws(UsageError) {
    guard optionalFlag("disable-content-trust") == false else { return }
    throw bad(
      "disable-content-trust", "false", "the signatures of Notary v1 have been given up by their makers",
      suggestion: "name the image by its digest, NAME@sha256:…, which is checked")
  }
}

/// The helper, or the failure that says what is missing.
func registryHelper() throws(Failure) -> RegistryHelper {
  if let helper = RegistryHelper.find() { return helper }
  throw Failure(
    .notFound, "the program \(RegistryHelper.name), which speaks with registries, is not installed",
    hint: "it belongs in \(RegistryHelper.home); "
      + "'skiff load' takes an image from a file without it")
}

/// Ends this program by becoming the helper.
func hand(over request: RegistryRequest) throws -> Int32 {
  let helper = try registryHelper()
  throw Failure("cannot run \(helper.path)", helper.become(request))
}

/// The same for an image of the store.
private func handImage(over arguments: ParsedArguments, _ action: RegistryRequest.Action) throws -> Int32 {
  var request = try arguments.registryRequest(action, arguments.positionals[0])
  request.root = try arguments.engine.state.root.string
  return try hand(over: request)
}

extension PullCommand {
  static let perform: Perform = { try handImage(over: $0, .pull) }
}

extension PushCommand {
  static let perform: Perform = { try handImage(over: $0, .push) }
}

extension LogoutCommand {
  static let perform: Perform = { arguments in
    try hand(over: try arguments.registryRequest(.logout, arguments.positionals.first ?? ""))
  }
}
