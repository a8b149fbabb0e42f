/// Takes the fields of a text of the kernel one after the other, and makes nothing of those that nobody asks for.
///
/// Such texts are read on every start: a generic split, with an array of its own for each line, cost four times as much.
package struct ByteFields {
  /// What has not been taken yet.
  package private(set) var rest: ArraySlice<UInt8>

  package init(_ bytes: ArraySlice<UInt8>) { rest = bytes }
  package init(_ bytes: [UInt8]) { rest = bytes[...] }

  /// What stands before the next separator, or at the end without one; nil when nothing is left. The field is empty where two
  /// separators meet.
  ///
  /// - Parameter separator: of ASCII.
  package mutating func next(_ separator: Unicode.Scalar) -> ArraySlice<UInt8>? {
    if rest.isEmpty { return nil }
    let byte = UInt8(truncatingIfNeeded: separator.value)
    let start = rest.startIndex
    for index in start..<rest.endIndex where rest[index] == byte {
      defer { rest = rest[(index + 1)...] }
      return rest[start..<index]
    }
    defer { rest = rest[rest.endIndex...] }
    return rest
  }

  /// The next words of a line, whatever number of blanks and tabs is between them; nil at the end.
  package mutating func nextWord() -> ArraySlice<UInt8>? {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a }
    while let first = rest.first, isBlank(first) { rest = rest.dropFirst() }
    let start = rest.startIndex
    var end = start
    while end < rest.endIndex, !isBlank(rest[end]) { end += 1 }
    defer { rest = rest[end...] }
    return end == start ? nil : rest[start..<end]
  }
}

extension ArraySlice<UInt8> {
  /// Whether the bytes are those of `text`.
  package func equals(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    for offset in 0..<count where unsafe self[startIndex + offset] != text.utf8Start[offset] { return false }
    return true
  }

  /// A decimal number that fills the field: digits and nothing else; nil where it does not fit.
  package var decimal: UInt64? {
    guard !isEmpty else { return nil }
    var value: UInt64 = 0
    for byte in self {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      let (product, overflows) = value.multipliedReportingOverflow(by: 10)
      let (sum, carries) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      if overflows || carries { return nil }
      value = sum
    }
    return value
  }
}
