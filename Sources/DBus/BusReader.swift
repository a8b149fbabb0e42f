/// Takes values from bytes that a peer sent. Every length is checked against what is there, and nesting is bounded.
struct BusReader {
  private let bytes: ArraySlice<UInt8>
  private let isBigEndian: Bool
  private(set) var offset = 0

  init(_ bytes: ArraySlice<UInt8>, isBigEndian: Bool = false) {
    self.bytes = bytes
    self.isBigEndian = isBigEndian
  }

  mutating func align(_ size: Int) throws(MalformedMessage) {
    while offset % size != 0 { _ = try byte() }
  }

  private mutating func byte() throws(MalformedMessage) -> UInt8 {
    guard offset < bytes.count else { throw MalformedMessage("a message ends too early") }
    defer { offset += 1 }
    return bytes[bytes.startIndex + offset]
  }

  mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) throws(MalformedMessage) -> Integer {
    let size = type.bitWidth / 8
    try align(size)
    var value: Integer = 0
    for index in 0..<size {
      let shift = 8 * (isBigEndian ? size - 1 - index : index)
      value |= Integer(truncatingIfNeeded: try byte()) << shift
    }
    return value
  }

  private mutating func text(_ count: Int) throws(MalformedMessage) -> String {
    guard count < bytes.count - offset else { throw MalformedMessage("a text is longer than its message") }
    let start = bytes.startIndex + offset
    offset += count + 1
    return String(decoding: bytes[start..<(start + count)], as: UTF8.self)
  }

  /// All values of a signature such as `uoss`.
  mutating func values(_ signature: String) throws(MalformedMessage) -> [BusValue] {
    var rest = Substring(signature)
    var found: [BusValue] = []
    while !rest.isEmpty { found.append(try value(takeType(&rest), depth: 0)) }
    return found
  }

  private mutating func value(_ type: Substring, depth: Int) throws(MalformedMessage) -> BusValue {
    guard depth < 32 else { throw MalformedMessage("a message nests too deep") }
    switch type.first {
    case "y": return .byte(try byte())
    case "b": return .bool(try integer(UInt32.self) != 0)
    case "i": return .int32(try integer(Int32.self))
    case "u", "h": return .uint32(try integer(UInt32.self))
    case "n": return .int32(Int32(try integer(Int16.self)))
    case "q": return .uint32(UInt32(try integer(UInt16.self)))
    case "x": return .int64(try integer(Int64.self))
    case "t": return .uint64(try integer(UInt64.self))
    case "d": return .double(Double(bitPattern: try integer(UInt64.self)))
    case "s": return .string(try text(Int(try integer(UInt32.self))))
    case "o": return .objectPath(try text(Int(try integer(UInt32.self))))
    case "g": return .signature(try text(Int(try byte())))
    case "v":
      var rest = Substring(try text(Int(try byte())))
      let type = try takeType(&rest)
      guard rest.isEmpty else { throw MalformedMessage("a variant holds more than one value") }
      return .variant(try value(type, depth: depth + 1))
    case "(", "{":
      try align(8)
      var rest = type.dropFirst().dropLast()
      var members: [BusValue] = []
      while !rest.isEmpty { members.append(try value(takeType(&rest), depth: depth + 1)) }
      return .structure(members)
    case "a":
      let count = Int(try integer(UInt32.self))
      let element = type.dropFirst()
      try align(alignment(of: element.first ?? "y"))
      guard count <= bytes.count - offset else { throw MalformedMessage("an array is longer than its message") }
      let end = offset + count
      var elements: [BusValue] = []
      while offset < end {
        let before = offset
        elements.append(try value(element, depth: depth + 1))
        guard offset > before else { throw MalformedMessage("an array of nothing") }
      }
      guard offset == end else { throw MalformedMessage("an array ends inside an element") }
      return .array(of: String(element), elements)
    default: throw MalformedMessage("an unknown type \"\(type)\"")
    }
  }
}

/// Takes one complete type from the front of a signature.
func takeType(_ signature: inout Substring) throws(MalformedMessage) -> Substring {
  var depth = 0
  var index = signature.startIndex
  while index < signature.endIndex {
    let letter = signature[index]
    index = signature.index(after: index)
    switch letter {
    case "a": continue
    case "(", "{": depth += 1
    case ")", "}": depth -= 1
    default: break
    }
    if depth < 0 { break }
    if depth == 0 {
      defer { signature = signature[index...] }
      return signature[..<index]
    }
  }
  throw MalformedMessage("a signature is cut short")
}
