internal import JSON

/// The members of the lists that registries give: `tags` of a repository, `repositories` of a catalogue.
enum TagList {
  /// Nil for what is no such list.
  static func read(_ body: [UInt8], member: String = "tags") throws -> [String]? {
    guard let document = try? JSONValue(parsing: body), let object = document.object else { return nil }
    guard let values = object[member] else { return nil }
    // A repository whose last tag was deleted has null.
    return values.isNull ? [] : values.array?.compactMap(\.string)
  }
}
