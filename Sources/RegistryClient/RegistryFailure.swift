internal import JSON
internal import NIOHTTP1

/// What the helper tells a person: the thing and the reason, and what to do about it. Never a secret.
struct RegistryFailure: Error, Hashable, Sendable {
  enum Kind: Hashable, Sendable {
    case other
    /// 401 and 403.
    case unauthorized
    /// 404.
    case notFound
    /// It may go better in a moment.
    case transient
  }
  var kind: Kind
  var message: String
  var hint: String?

  init(_ message: String, hint: String? = nil, kind: Kind = .other) {
    self.kind = kind
    self.message = message
    self.hint = hint
  }
}

extension RegistryFailure: CustomStringConvertible {
  var description: String { message }
}

/// The errors that a registry answers with (distribution-spec, "Error Codes"), in its own words.
struct RegistryErrors: JSONReadable {
  struct Entry: JSONReadable {
    var code = ""
    var message = ""

    init(from reader: inout JSONReader) throws(JSONError) {
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "code": code = try reader.string()
        case "message": message = try reader.string()
        default: try reader.skip()
        }
      }
    }
  }
  var entries: [Entry] = []

  init(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "errors": entries = try reader.list()
      // A token server's and docker.io's own form.
      case "details", "detail", "message":
        guard reader.kindOfNext() == .string else {
          try reader.skip()
          continue
        }
        var entry = try Entry(parsing: Array("{}".utf8))
        entry.message = try reader.string()
        entries.append(entry)
      default: try reader.skip()
      }
    }
  }

  static func words(of body: [UInt8]) -> String? {
    guard let errors = try? RegistryErrors(parsing: body), !errors.entries.isEmpty else { return nil }
    let words = errors.entries.map { entry in
      entry.code.isEmpty || entry.message.isEmpty
        ? entry.code + entry.message : "\(entry.code.lowercased()): \(entry.message)"
    }
    return String(words.joined(separator: "; ").prefix(1000))
  }
}

extension RegistryFailure {
  /// - Parameters:
  ///   - what: `cannot read the manifest of …`.
  ///   - body: what the registry said.
  init(_ what: String, status: HTTPResponseStatus, headers: HTTPHeaders, body: [UInt8]) {
    let said = RegistryErrors.words(of: body) ?? "\(status.code) \(status.reasonPhrase.lowercased())"
    self.init("\(what): \(said)")
    switch status.code {
    case 401, 403:
      kind = .unauthorized
      hint = "log in with 'skiff login', or ask for the right to it"
    case 404: kind = .notFound
    case 429:
      // docker.io's limits (docs.docker.com/docker-hub/usage): `100;w=21600` is a hundred in six hours.
      let limits = ["ratelimit-limit", "ratelimit-remaining", "docker-ratelimit-source", "retry-after"].compactMap {
        name in
        headers.first(name: name).map { "\(name): \($0)" }
      }
      hint =
        limits.isEmpty
        ? "the registry limits how often it is asked: try later, or log in" : limits.joined(separator: ", ")
    case 408, 500, 502, 503, 504: kind = .transient
    default: break
    }
  }
}
