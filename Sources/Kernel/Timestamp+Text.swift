// A time as text, by the proleptic Gregorian calendar, UTC (RFC 3339). No time zone file is read.

extension Timestamp {
  /// `2026-11-23T19:34:27.000000042Z`: nine digits, so that two times sort as their texts do.
  package var rfc3339: String {
    let (year, month, day) = civil(fromDays: floorDivide(seconds, 86_400))
    let inDay = seconds - floorDivide(seconds, 86_400) * 86_400
    var text = [UInt8]()
    text.reserveCapacity(30)
    func put(_ value: Int64, _ width: Int, _ after: Unicode.Scalar) {
      let digits = Array(String(value).utf8)
      text.append(contentsOf: repeatElement(48, count: max(0, width - digits.count)))
      text.append(contentsOf: digits)
      text.append(UInt8(ascii: after))
    }
    put(year, 4, "-")
    put(month, 2, "-")
    put(day, 2, "T")
    put(inDay / 3600, 2, ":")
    put(inDay / 60 % 60, 2, ":")
    put(inDay % 60, 2, ".")
    put(Int64(nanoseconds), 9, "Z")
    return String(decoding: text, as: UTF8.self)
  }

  /// Reads RFC 3339 and the shorter forms that docker takes: the date alone, and without seconds, fraction or zone (UTC).
  package init?(rfc3339 text: String) {
    var rest = Array(text.utf8)[...]
    func number(_ digits: Int, _ range: ClosedRange<Int64>) -> Int64? {
      guard rest.count >= digits, rest.prefix(digits).allSatisfy({ (48...57).contains($0) }) else { return nil }
      let value = rest.prefix(digits).reduce(Int64(0)) { $0 * 10 + Int64($1 - 48) }
      rest = rest.dropFirst(digits)
      return range.contains(value) ? value : nil
    }
    func take(_ bytes: StaticString...) -> Bool {
      guard let first = rest.first, bytes.contains(where: { $0.description.utf8.first == first }) else { return false }
      rest = rest.dropFirst()
      return true
    }
    guard let year = number(4, 0...9999), take("-"), let month = number(2, 1...12), take("-"),
      let day = number(2, 1...31)
    else { return nil }
    let days = days(fromYear: year, month: month, day: day)
    // The 31st of a short month comes back as another day.
    guard civil(fromDays: days) == (year, month, day) else { return nil }
    var (hour, minute, second, fraction, offset) = (Int64(0), Int64(0), Int64(0), Int64(0), Int64(0))
    if take("T", "t", " ") {
      guard let hours = number(2, 0...23), take(":"), let minutes = number(2, 0...59) else { return nil }
      (hour, minute) = (hours, minutes)
      if take(":") {
        // 60 is a leap second, which the kernel's clock counts as the second after.
        guard let seconds = number(2, 0...60) else { return nil }
        second = seconds
        if take(".") || take(",") {
          let digits = rest.prefix { (48...57).contains($0) }
          guard !digits.isEmpty else { return nil }
          for index in 0..<9 {
            fraction = fraction * 10 + (index < digits.count ? Int64(digits[digits.startIndex + index] - 48) : 0)
          }
          rest = rest.dropFirst(digits.count)
        }
      }
      if !take("Z", "z"), let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
        rest = rest.dropFirst()
        guard let hours = number(2, 0...23), take(":"), let minutes = number(2, 0...59) else { return nil }
        offset = (hours * 3600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
      }
    }
    guard rest.isEmpty else { return nil }
    self.init(
      seconds: days * 86_400 + hour * 3600 + minute * 60 + second - offset, nanoseconds: UInt32(fraction))
  }

  /// `nanoseconds` later (earlier when negative).
  package func adding(nanoseconds added: Int64) -> Timestamp {
    let total = Int64(nanoseconds) + added % 1_000_000_000
    let carry = floorDivide(total, 1_000_000_000)
    return Timestamp(
      seconds: seconds + added / 1_000_000_000 + carry, nanoseconds: UInt32(total - carry * 1_000_000_000))
  }
}

private func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a / b - (a % b < 0 ? 1 : 0) }

/// Days since 1970-01-01 of a date. The year is taken to start in March, so that the leap day is its last.
private func days(fromYear year: Int64, month: Int64, day: Int64) -> Int64 {
  let y = month <= 2 ? year - 1 : year
  let era = floorDivide(y, 400)
  let yearOfEra = y - era * 400
  let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

private func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
  let shifted = days + 719_468
  let era = floorDivide(shifted, 146_097)
  let dayOfEra = shifted - era * 146_097
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let shiftedMonth = (5 * dayOfYear + 2) / 153
  let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
}
