/// Values as little-endian bytes, each aligned to its own size from the start of the message.
struct BusWriter {
  private(set) var bytes: [UInt8] = []

  mutating func align(_ size: Int) {
    while bytes.count % size != 0 { bytes.append(0) }
  }

  mutating func integer(_ value: some FixedWidthInteger) {
    align(value.bitWidth / 8)
    for shift in stride(from: 0, to: value.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  private mutating func text(_ value: String) {
    integer(UInt32(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
    bytes.append(0)
  }

  private mutating func shortText(_ value: String) {
    bytes.append(UInt8(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
    bytes.append(0)
  }

  mutating func write(_ value: BusValue) {
    switch value {
    case .byte(let value): bytes.append(value)
    case .bool(let value): integer(UInt32(value ? 1 : 0))
    case .int32(let value): integer(value)
    case .uint32(let value): integer(value)
    case .int64(let value): integer(value)
    case .uint64(let value): integer(value)
    case .double(let value): integer(value.bitPattern)
    case .string(let value), .objectPath(let value): text(value)
    case .signature(let value): shortText(value)
    case .variant(let value):
      shortText(value.signature)
      write(value)
    case .structure(let members):
      align(8)
      for member in members { write(member) }
    case .array(let element, let values):
      integer(UInt32(0))
      let length = bytes.count - 4
      // The padding before the first element is not part of the length, and is there in an empty array too.
      align(alignment(of: element.first ?? "y"))
      let start = bytes.count
      for value in values { write(value) }
      let count = UInt32(bytes.count - start)
      for index in 0..<4 { bytes[length + index] = UInt8(truncatingIfNeeded: count >> (8 * UInt32(index))) }
    }
  }

  mutating func raw(_ more: [UInt8]) { bytes += more }
}
