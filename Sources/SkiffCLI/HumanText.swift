internal import Kernel

// Sizes and times as docker words them.

/// Decimal units, as `images` and `ps -s` show: `0B`, `1.5kB`, `117MB`.
func humanSize(_ bytes: Int64, digits: Int = 3) -> String {
  scaled(bytes, by: 1000, ["B", "kB", "MB", "GB", "TB", "PB", "EB"], digits)
}

/// Binary units, as `stats` shows: `64MiB`, `1.5GiB`.
func binarySize(_ bytes: Int64, digits: Int = 4) -> String {
  scaled(bytes, by: 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], digits)
}

private func scaled(_ bytes: Int64, by base: UInt64, _ units: [String], _ digits: Int) -> String {
  var (unit, power) = (0, UInt64(1))
  let size = bytes.magnitude
  while size / power >= base, unit < units.count - 1 {
    power *= base
    unit += 1
  }
  return (bytes < 0 ? "-" : "") + significant(size, over: power, digits: digits) + units[unit]
}

/// `value / divisor` with so many significant digits and no zeros at the end: `%.3g`, but never with an exponent.
func significant(_ value: UInt64, over divisor: UInt64, digits: Int) -> String {
  let whole = value / divisor
  let places = max(0, digits - String(whole).count)
  let scale = (0..<places).reduce(UInt64(1)) { power, _ in power * 10 }
  let (high, low) = (value % divisor).multipliedFullWidth(by: scale)
  let (quotient, remainder) = divisor.dividingFullWidth((high, low))
  var fraction = quotient + (remainder >= divisor - remainder ? 1 : 0)
  let carried = whole + fraction / scale
  fraction %= scale
  if fraction == 0 { return String(carried) }
  var text = String(fraction)
  text = String(repeating: "0", count: places - text.count) + text
  while text.last == "0" { text.removeLast() }
  return "\(carried).\(text)"
}

/// `2 minutes`, `About an hour`: how long something lasted.
func humanDuration(seconds: Int64) -> String {
  let hours = (seconds + 1800) / 3600
  switch seconds {
  case ..<1: return "Less than a second"
  case 1: return "1 second"
  case ..<60: return "\(seconds) seconds"
  case ..<120: return "About a minute"
  case ..<3600: return "\(seconds / 60) minutes"
  default: break
  }
  switch hours {
  case ...1: return "About an hour"
  case ..<48: return "\(hours) hours"
  case ..<(24 * 7 * 2): return "\(hours / 24) days"
  case ..<(24 * 30 * 2): return "\(hours / 24 / 7) weeks"
  case ..<(24 * 365 * 2): return "\(hours / 24 / 30) months"
  default: return "\(seconds / 3600 / 24 / 365) years"
  }
}

/// `2 minutes`, whole seconds only.
func humanDuration(since time: Timestamp, until present: Timestamp = now()) -> String {
  humanDuration(seconds: present.seconds - time.seconds - (present.nanoseconds < time.nanoseconds ? 1 : 0))
}

/// `2 minutes ago`
func humanAge(of time: Timestamp, at present: Timestamp = now()) -> String {
  humanDuration(since: time, until: present) + " ago"
}
