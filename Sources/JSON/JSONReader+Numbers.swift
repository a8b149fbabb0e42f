/// A number as exactly as Swift's types hold it.
package enum JSONNumber: Hashable, Sendable {
  /// Written without fraction and exponent.
  case integer(Int64)
  /// The same, above Int64.max.
  case unsigned(UInt64)
  case double(Double)
}

extension JSONReader {
  /// Any number. An integer beyond 64 bits becomes the nearest double.
  package mutating func number() throws(JSONError) -> JSONNumber {
    let token = try scanNumber()
    if token.isInteger {
      if let value: Int64 = integer(of: token) { return .integer(value) }
      if let value: UInt64 = integer(of: token) { return .unsigned(value) }
    }
    return .double(try double(of: token))
  }

  /// An integer that the type holds exactly. `1.0` and `1e3` are refused, as in Go.
  package mutating func integer<Value: FixedWidthInteger>(
    _ type: Value.Type = Value.self
  ) throws(JSONError) -> Value {
    let token = try scanNumber()
    guard token.isInteger else { throw error("expected an integer, found a fraction", at: token.start) }
    guard let value: Value = integer(of: token) else {
      let digits = String(decoding: bytes[token.start..<token.end], as: UTF8.self)
      throw error("\(digits) is not in \(Value.min)…\(Value.max)", at: token.start)
    }
    return value
  }

  package mutating func double() throws(JSONError) -> Double {
    let token = try scanNumber()
    return try double(of: token)
  }

  private struct NumberToken {
    var start: Int
    var end: Int
    var isInteger: Bool
  }

  /// Moves over a number: `-`, then 0 or digits without a leading 0, then a fraction and an exponent if they are there.
  private mutating func scanNumber() throws(JSONError) -> NumberToken {
    try beginValue()
    let start = position
    if peek() == UInt8(ascii: "-") { position += 1 }
    guard isDigit(peek()) else {
      position = start
      throw error("expected a number, found \(found)")
    }
    if peek() == UInt8(ascii: "0") {
      position += 1
      if isDigit(peek()) { throw error("a number with a leading zero", at: start) }
    } else {
      try digits(after: start)
    }
    var isInteger = true
    if peek() == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      try digits(after: start)
    }
    if peek() | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position += 1 }
      try digits(after: start)
    }
    return NumberToken(start: start, end: position, isInteger: isInteger)
  }

  /// One digit or more.
  private mutating func digits(after start: Int) throws(JSONError) {
    guard isDigit(peek()) else { throw error("a number that ends too soon", at: start) }
    while isDigit(peek()) { position += 1 }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  /// Nil when it does not fit.
  private func integer<Value: FixedWidthInteger>(of token: NumberToken) -> Value? {
    let isNegative = bytes[token.start] == UInt8(ascii: "-")
    var magnitude: UInt64 = 0
    for byte in bytes[(isNegative ? token.start + 1 : token.start)..<token.end] {
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(byte - 0x30))
      if overflow || carry { return nil }
      magnitude = sum
    }
    if !isNegative { return Value(exactly: magnitude) }
    // Int64.min has no positive twin.
    if magnitude == 1 << 63 { return Value(exactly: Int64.min) }
    return Int64(exactly: magnitude).flatMap { Value(exactly: -$0) }
  }

  private func double(of token: NumberToken) throws(JSONError) -> Double {
    let digits = String(decoding: bytes[token.start..<token.end], as: UTF8.self)
    guard let value = Double(digits), value.isFinite else {
      throw error("a number beyond the range of a double", at: token.start)
    }
    return value
  }
}
