package import JSON
internal import Networks

extension Engine {
  /// Nil when there is no network by that name or identifier.
  package func networkInspection(of word: String) throws(Failure) -> JSONValue? {
    do throws(NetworkError) { return try networks.inspection(of: networks.find(word)) } catch {
      if error.kind == .notFound { return nil }
      throw Failure(error)
    }
  }

  /// Whether a container of that identifier may still hold an address.
  package func holdsAddress(_ identifier: String) -> Bool { isAlive(identifier) }
}
