/// Looks for some bytes in many, from the left (Horspool): most of the many are never looked at.
struct ByteSearch {
  private let wanted: [UInt8]
  /// How far it can go on where the last byte compared is this one.
  private var steps: [Int]

  init(_ text: String) {
    wanted = Array(text.utf8)
    steps = [Int](repeating: wanted.count, count: 256)
    for (place, byte) in wanted.dropLast().enumerated() { steps[Int(byte)] = wanted.count - 1 - place }
  }

  /// The place of the first at `start` or behind it; nil when there is none, or nothing is looked for.
  func first(in bytes: [UInt8], from start: Int = 0) -> Int? {
    guard let last = wanted.last else { return nil }
    let (bytes, wanted) = (bytes.span, wanted.span)
    var place = start
    while place <= bytes.count - wanted.count {
      let byte = bytes[place + wanted.count - 1]
      if byte == last, (0..<wanted.count - 1).allSatisfy({ bytes[place + $0] == wanted[$0] }) { return place }
      place += steps[Int(byte)]
    }
    return nil
  }
}
