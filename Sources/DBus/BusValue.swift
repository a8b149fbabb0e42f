/// A value with its type ("Type System" of the specification).
package indirect enum BusValue: Hashable, Sendable {
  case byte(UInt8)
  case bool(Bool)
  case int32(Int32)
  case uint32(UInt32)
  case int64(Int64)
  case uint64(UInt64)
  case double(Double)
  case string(String)
  case objectPath(String)
  case signature(String)
  /// The signature is that of one element: an empty array has a type as well.
  case array(of: String, [BusValue])
  case structure([BusValue])
  case variant(BusValue)

  /// The type as the wire names it: `a(sv)`.
  package var signature: String {
    switch self {
    case .byte: "y"
    case .bool: "b"
    case .int32: "i"
    case .uint32: "u"
    case .int64: "x"
    case .uint64: "t"
    case .double: "d"
    case .string: "s"
    case .objectPath: "o"
    case .signature: "g"
    case .array(let element, _): "a" + element
    case .structure(let members): "(" + members.map(\.signature).joined() + ")"
    case .variant: "v"
    }
  }

  package var text: String? {
    switch self {
    case .string(let text), .objectPath(let text), .signature(let text): text
    case .variant(let value): value.text
    default: nil
    }
  }
}

/// Types of one letter: where they are aligned on the wire.
func alignment(of type: Character) -> Int {
  switch type {
  case "y", "g", "v": 1
  case "x", "t", "d", "(", "{": 8
  default: 4
  }
}

/// What a peer sent that is no D-Bus, or more than is taken from it.
package struct MalformedMessage: Error, Hashable, Sendable, CustomStringConvertible {
  package var description: String
  init(_ description: String) { self.description = description }
}
