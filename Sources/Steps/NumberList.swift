/// Numbers of processors or memory nodes, as the kernel's masks hold them: bit n of the words is number n.
package struct NumberList: Hashable, Sendable {
  /// Without zero words at the end, so that equal lists are equal values.
  package private(set) var words: [UInt64] = []

  /// No kernel has more processors than this (CONFIG_NR_CPUS), nor more memory nodes.
  package static let limit = 8192

  /// Every number there can be. The kernel takes what exists of it.
  package static let all: NumberList = {
    var list = NumberList()
    list.words = [UInt64](repeating: .max, count: limit / 64)
    return list
  }()

  package init() {}

  /// `0-3,7`, as cpuset(7) writes it. Space around a range and empty ranges between commas are passed over, as by runc.
  package init(parsing text: String) throws(NumberListError) {
    for part in text.utf8.split(separator: UInt8(ascii: ",")) {
      let part = Self.trimmed(part)
      guard !part.isEmpty else { continue }
      let ends = part.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = Self.number(ends[0]), let last = ends.count == 1 ? first : Self.number(ends[1]) else {
        throw NumberListError("\"\(String(part) ?? text)\" is neither a number below \(Self.limit) nor a range of them")
      }
      guard first <= last else { throw NumberListError("the range \(first)-\(last) runs backwards") }
      for number in first...last { insert(number) }
    }
    if words.isEmpty { throw NumberListError("\"\(text)\" names no number") }
  }

  package var isEmpty: Bool { words.isEmpty }

  private mutating func insert(_ number: Int) {
    while words.count <= number / 64 { words.append(0) }
    words[number / 64] |= 1 << UInt64(number % 64)
  }

  package func contains(_ number: Int) -> Bool {
    number / 64 < words.count && words[number / 64] >> UInt64(number % 64) & 1 == 1
  }

  private static func trimmed(_ text: Substring.UTF8View) -> Substring.UTF8View {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) }
    var text = text.drop(while: isSpace)
    while let last = text.last, isSpace(last) { text.removeLast() }
    return text
  }

  private static func number(_ digits: Substring.UTF8View) -> Int? {
    guard !digits.isEmpty, digits.count <= 5 else { return nil }
    var value = 0
    for digit in trimmed(digits) {
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return value < limit ? value : nil
  }
}

extension NumberList: CustomStringConvertible {
  /// `0-3,7`
  package var description: String {
    var ranges: [String] = []
    var number = 0
    while number < words.count * 64 {
      let first = number
      while contains(number) { number += 1 }
      if number > first { ranges.append(number - first == 1 ? "\(first)" : "\(first)-\(number - 1)") }
      number += 1
    }
    return ranges.joined(separator: ",")
  }
}

/// Why a text is no list of numbers.
package struct NumberListError: Error, Hashable, Sendable {
  package var reason: String
  init(_ reason: String) { self.reason = reason }
}
