internal import Arguments
internal import RegistryRequests

/// What the commands that speak with registries share.
enum RegistryOptions {
  static let tlsVerify = Option(
    "tls-verify", help: "Require HTTPS and verify certificates (default true)")
  static let progress = Option(
    "progress", .value, value: "type", help: "Type of progress output: auto, plain, json or none",
    initial: "auto", completion: .words(RegistryRequest.Progress.allCases.map(\.rawValue)))
  static let quiet = Option("quiet", short: "q", help: "Suppress verbose output")
  static let platform = Option(
    "platform", .value, value: "platform", help: "Set platform if server is multi-platform capable")

  /// Images are known by their digests; Notary's signatures are looked at by nobody, so only asking for them is an error.
  static let contentTrust = Option("disable-content-trust", help: "Skip image verification (default true)")

  static let whereCredentialsAre =
    "Credentials are kept where docker keeps them, in config.json below $DOCKER_CONFIG or ~/.docker, or in the helper"
    + " program that it names; podman's auth.json is read too."
  static let whereSettingsAre =
    "/etc/skiff/registries.json names mirrors and registries without TLS; /etc/docker/certs.d/HOST and"
    + " /etc/containers/certs.d/HOST hold certificates for one registry."
}

enum PullCommand {
  static let summary = "Download an image from a registry"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("pull", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "pull", summary: summary, usage: ["[OPTIONS] NAME[:TAG|@DIGEST]"],
      discussion: [
        "A name without a registry is docker.io's. What is in the store already is not fetched again, and of an image for"
          + " several platforms this machine's is taken. --referrers brings what is about the image, too: bills of materials,"
          + " signatures.",
        RegistryOptions.whereCredentialsAre, RegistryOptions.whereSettingsAre,
      ],
      options: [
        Option("all-tags", short: "a", help: "Download all tagged images in the repository"),
        RegistryOptions.platform, RegistryOptions.progress, RegistryOptions.quiet,
        Option("referrers", help: "Download what is attached to the image, too"), RegistryOptions.tlsVerify,
        RegistryOptions.contentTrust,
      ], positionals: .exactly(1, .images),
      examples: [
        .init("skiff pull debian:12", "From docker.io"),
        .init("skiff pull --platform linux/arm64 registry.example/web", "Another machine's image"),
      ])
  }
}

enum PushCommand {
  static let summary = "Upload an image to a registry"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("push", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "push", summary: summary, usage: ["[OPTIONS] NAME[:TAG]"],
      discussion: [
        "Blobs that the registry has are not sent, also when another of its repositories has them; the manifest goes as it"
          + " is, so that its digest stays. What the store has about the image (a bill of materials, a signature) goes with it.",
        RegistryOptions.whereCredentialsAre,
      ],
      options: [
        Option("all-tags", short: "a", help: "Push all tags of an image to the repository"),
        Option(
          "platform", .value, value: "platform",
          help: "Push a platform-specific manifest as a single-platform image to the registry"),
        RegistryOptions.progress, RegistryOptions.quiet,
        Option("referrers", help: "Upload what is attached to the image, too (default true)"),
        RegistryOptions.tlsVerify, RegistryOptions.contentTrust,
      ], positionals: .exactly(1, .images))
  }
}

enum LoginCommand {
  static let summary = "Authenticate to a registry"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("login", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "login", summary: summary, usage: ["[OPTIONS] [SERVER]"],
      discussion: ["Without a server it is docker.io.", RegistryOptions.whereCredentialsAre],
      options: [
        Option("password", short: "p", .value, help: "Password or Personal Access Token (PAT)"),
        Option("password-stdin", help: "Take the Password or Personal Access Token (PAT) from stdin"),
        Option("username", short: "u", .value, help: "Username"),
        RegistryOptions.tlsVerify,
      ], positionals: Positionals(0, 1))
  }
}

enum LogoutCommand {
  static let summary = "Log out from a registry"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("logout", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "logout", summary: summary, usage: ["[SERVER]"], discussion: ["Without a server it is docker.io."],
      positionals: Positionals(0, 1))
  }
}

enum SearchCommand {
  static let summary = "Search a registry for images"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("search", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "search", summary: summary, usage: ["[OPTIONS] TERM"],
      discussion: ["A term such as registry.example/web looks there instead of at docker.io."],
      options: [
        Option(
          "filter", short: "f", .repeated, value: "filter",
          help: "Filter output: stars=NUMBER, is-official=true or false"),
        FormatOption.templated,
        Option("limit", .value, value: "int", help: "Max number of search results", initial: "25"),
        ProcessOptions.noTruncation, RegistryOptions.tlsVerify,
      ], positionals: .exactly(1))
  }
}
