/// What `skiff` asks its helper `skiff-registry` for, and how it finds and runs it.
///
/// The helper is a program of its own because it needs what a container's start must not pay for: TLS, names resolved, an
/// event loop. The request goes through a sealed memory file on descriptor 3, so that no password is ever on a command
/// line, in the environment, or on a disk. It may know paths, JSON and processes; it may not know a registry's protocol.
package import JSON

/// One request; the helper carries it out and ends.
package struct RegistryRequest: Hashable, Sendable {
  package enum Action: String, Hashable, Sendable { case pull, push, login, logout, search, load }

  package enum Progress: String, Hashable, Sendable, CaseIterable {
    /// Lines that move on a terminal, plain ones elsewhere.
    case auto
    case plain
    /// One JSON object a line.
    case json
    case none
  }

  package var action: Action
  /// The image, the server or the words to look for, as the person said it; the directory to load, empty for standard input.
  package var name: String
  /// Where the store is: `/var/lib/skiff`.
  package var root = ""
  package var platform: String?
  package var allTags = false
  package var isQuiet = false
  package var progress = Progress.auto
  /// Whether what a person reads goes to standard error, because standard output is somebody else's (`run`).
  package var speaksOnErrors = false
  /// `--tls-verify`: without, certificates are not checked and plain HTTP is spoken with any host.
  package var verifiesTLS = true
  package var username: String?
  package var password: String?
  /// Whether what is about an image (bills of materials, signatures) goes with it; nil is what the action does by itself.
  package var referrers: Bool?
  /// How many results `search` gives.
  package var limit = 25

  package init(_ action: Action, _ name: String) {
    self.action = action
    self.name = name
  }
}

extension RegistryRequest: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(.pull, "")
    var isComplete = false
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "action":
        let word = try reader.string()
        guard let known = Action(rawValue: word) else { throw reader.error("no such action: \(word)") }
        (action, isComplete) = (known, true)
      case "name": name = try reader.string()
      case "root": root = try reader.string()
      case "platform": platform = try reader.string()
      case "allTags": allTags = try reader.bool()
      case "quiet": isQuiet = try reader.bool()
      case "progress": progress = Progress(rawValue: try reader.string()) ?? .auto
      case "speaksOnErrors": speaksOnErrors = try reader.bool()
      case "verifiesTLS": verifiesTLS = try reader.bool()
      case "username": username = try reader.string()
      case "password": password = try reader.string()
      case "referrers": referrers = try reader.bool()
      case "limit": limit = try reader.integer()
      default: try reader.skip()
      }
    }
    if !isComplete { throw reader.error("a request without an action") }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("action", action.rawValue)
      $0.member("name", name)
      $0.member("root", root)
      $0.member("platform", platform)
      $0.member("allTags", allTags)
      $0.member("quiet", isQuiet)
      $0.member("progress", progress.rawValue)
      $0.member("speaksOnErrors", speaksOnErrors)
      $0.member("verifiesTLS", verifiesTLS)
      $0.member("username", username)
      $0.member("password", password)
      $0.member("referrers", referrers)
      $0.member("limit", limit)
    }
  }
}
