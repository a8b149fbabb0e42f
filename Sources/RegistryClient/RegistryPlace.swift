/// Where a registry, or a mirror of it, keeps its repositories: an address, and what it calls them.
struct RegistryPlace: Hashable, Sendable {
  /// `registry.example:5000`, or a whole address with its scheme and perhaps a path before `/v2/`.
  var address: String
  /// Certificates are not checked, and plain HTTP is spoken where there is no TLS.
  var isInsecure = false
  /// The beginning of a repository's name that has another one here, and that one (registries.conf: `prefix`, `location`).
  var renaming: Renaming?

  struct Renaming: Hashable, Sendable {
    var prefix: String
    var replacement: String
  }

  init(_ address: String, isInsecure: Bool = false, renaming: Renaming? = nil) {
    self.address = address
    self.isInsecure = isInsecure
    self.renaming = renaming
  }

  func name(of repository: String) -> String {
    guard let renaming else { return repository }
    if renaming.prefix.isEmpty { return join(renaming.replacement, repository) }
    guard repository == renaming.prefix || repository.hasPrefix(renaming.prefix + "/") else { return repository }
    return join(renaming.replacement, String(repository.dropFirst(renaming.prefix.count + 1)))
  }

  private func join(_ a: String, _ b: String) -> String { a.isEmpty ? b : b.isEmpty ? a : "\(a)/\(b)" }
}
