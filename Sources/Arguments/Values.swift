// What people write for a value, as docker reads it. Each answers nil for what it does not take.

/// The words that Go's strconv.ParseBool takes.
package func parseBoolean(_ text: String) -> Bool? {
  switch text {
  case "1", "t", "T", "true", "TRUE", "True": true
  case "0", "f", "F", "false", "FALSE", "False": false
  default: nil
  }
}

/// Bytes: a decimal number and perhaps a unit, each unit 1024 of the one before: `64m`, `1.5g`, `10 MiB`, `512`.
package func parseBytes(_ text: String) -> Int64? {
  var rest = Substring(text)
  guard let number = takeDecimal(&rest) else { return nil }
  if rest.first == " " { rest.removeFirst() }
  var power: UInt64 = 0
  if let unit = rest.first, let index = Array("kmgtp").firstIndex(of: Character(unit.lowercased())) {
    power = UInt64(index) + 1
    rest.removeFirst()
  }
  if power > 0, rest.first == "i" || rest.first == "I" { rest.removeFirst() }
  if rest.first == "b" || rest.first == "B" { rest.removeFirst() }
  guard rest.isEmpty else { return nil }
  return number.scaled(by: 1 << (10 * power))
}

/// Billionths of a CPU: `1.5` is 1,500,000,000. More than nine digits after the point cannot be kept: refused.
package func parseNanoCPUs(_ text: String) -> Int64? {
  var rest = Substring(text)
  guard let number = takeDecimal(&rest), rest.isEmpty, number.fractionDigits <= 9 else { return nil }
  return number.scaled(by: 1_000_000_000)
}

/// Nanoseconds, as Go's time.ParseDuration: `1h30m`, `1.5s`, `-2m`.
package func parseDuration(_ text: String) -> Int64? {
  var rest = Substring(text)
  let isNegative = rest.first == "-"
  if isNegative || rest.first == "+" { rest.removeFirst() }
  if rest == "0" { return 0 }
  guard !rest.isEmpty else { return nil }
  var total: Int64 = 0
  while !rest.isEmpty {
    guard let number = takeDecimal(&rest) else { return nil }
    let unit = rest.prefix { !$0.isNumber && $0 != "." }
    rest = rest.dropFirst(unit.count)
    let scale: UInt64
    switch unit {
    case "ns": scale = 1
    case "us", "µs", "μs": scale = 1_000
    case "ms": scale = 1_000_000
    case "s": scale = 1_000_000_000
    case "m": scale = 60_000_000_000
    case "h": scale = 3_600_000_000_000
    default: return nil
    }
    guard let part = number.scaled(by: scale) else { return nil }
    let (sum, overflow) = total.addingReportingOverflow(part)
    if overflow { return nil }
    total = sum
  }
  return isNegative ? -total : total
}

/// Whether it is written as a duration, of whatever length: it is one with smaller numbers in it.
func isDuration(_ text: String) -> Bool {
  var small = ""
  for character in text where !(character.isNumber && small.last == "1") {
    small.append(character.isNumber ? "1" : character)
  }
  return parseDuration(small) != nil
}

/// Digits with perhaps a point among them, kept exact: `value / 10^fractionDigits`.
private struct Decimal {
  var value: UInt64
  var fractionDigits: Int

  /// Rounded down; nil when it does not fit.
  func scaled(by scale: UInt64) -> Int64? {
    let product = value.multipliedFullWidth(by: scale)
    let divisor = (0..<fractionDigits).reduce(UInt64(1)) { power, _ in power * 10 }
    guard product.high < divisor else { return nil }
    return Int64(exactly: divisor.dividingFullWidth(product).quotient)
  }
}

private func takeDecimal(_ text: inout Substring) -> Decimal? {
  var number = Decimal(value: 0, fractionDigits: 0)
  var (digits, seenPoint) = (0, false)
  while let byte = text.utf8.first {
    if byte == UInt8(ascii: "."), !seenPoint {
      seenPoint = true
    } else if (48...57).contains(byte) {
      let (tens, over) = number.value.multipliedReportingOverflow(by: 10)
      let (sum, over2) = tens.addingReportingOverflow(UInt64(byte - 48))
      // Eighteen digits after the point are more than any unit here can use.
      if over || over2 || number.fractionDigits >= 18 { return nil }
      number.value = sum
      number.fractionDigits += seenPoint ? 1 : 0
      digits += 1
    } else {
      break
    }
    // By bytes: a digit and a combining mark are one character.
    text = text[text.utf8.index(after: text.startIndex)...]
  }
  return digits > 0 ? number : nil
}
