internal import Arguments

/// `--storage-opt`: how much a container's own layer may take.
package struct StorageRequest: Hashable, Sendable {
  /// 0 is no limit, whatever the configuration says.
  package var bytes: UInt64
  /// As given, for `inspect`.
  package var word: String

  /// `size=10g`.
  package init(_ text: String) throws(OptionError) {
    let key = text.prefix { $0 != "=" }.lowercased()
    guard key == "size" else {
      throw OptionError("\"\(key)\" is no option of the storage", suggestion: "there is size=10g")
    }
    word = String(text.dropFirst(5))
    guard let size = parseBytes(word) else { throw OptionError("expected a size such as size=10g") }
    guard size == 0 || size >= 1 << 20 else {
      throw OptionError("the least is size=1m: what a start writes has to fit in")
    }
    bytes = UInt64(size)
  }
}
