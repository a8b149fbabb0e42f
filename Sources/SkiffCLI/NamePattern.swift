/// A regular expression as people give one to `--filter name=`: literals, `.`, `*`, `+`, `?`, `[a-z]`, `(a|b)`, `^`, `$` and
/// escapes. It tries all ways with a bound on their number, so that no pattern takes for ever.
struct NamePattern {
  private indirect enum Part {
    case any, start, end
    case set([ClosedRange<UInt32>], isNegated: Bool)
    case repeated(Part, from: Int, to: Int)
    case choice([[Part]])
  }
  private let alternatives: [[Part]]

  private static let mostSteps = 200_000

  /// Nil for what is no such expression.
  init?(_ text: String) {
    var parser = Parser(rest: text.unicodeScalars[...])
    guard let alternatives = parser.alternatives(depth: 0), parser.rest.isEmpty else { return nil }
    self.alternatives = alternatives
  }

  /// Whether it fits anywhere in the text.
  func matches(_ text: String) -> Bool {
    let scalars = text.unicodeScalars.map(\.value)
    var steps = 0
    return (0...scalars.count).contains { start in
      alternatives.contains { Self.fits($0[...], scalars, start, &steps) { _ in true } }
    }
  }

  private static func fits(
    _ parts: ArraySlice<Part>, _ text: [UInt32], _ position: Int, _ steps: inout Int,
    then: (Int) -> Bool
  ) -> Bool {
    steps += 1
    guard steps < mostSteps else { return false }
    guard let part = parts.first else { return then(position) }
    let rest = parts.dropFirst()
    switch part {
    case .any:
      return position < text.count && fits(rest, text, position + 1, &steps, then: then)
    case .start: return position == 0 && fits(rest, text, position, &steps, then: then)
    case .end: return position == text.count && fits(rest, text, position, &steps, then: then)
    case .set(let ranges, let isNegated):
      guard position < text.count, ranges.contains(where: { $0.contains(text[position]) }) != isNegated else {
        return false
      }
      return fits(rest, text, position + 1, &steps, then: then)
    case .choice(let choices):
      for choice in choices where fits(choice + rest, text, position, &steps, then: then) { return true }
      return false
    case .repeated(let inner, let low, let high):
      // Once more, as long as that moves on; else go on behind it.
      if high > 0 {
        let again = Part.repeated(inner, from: max(0, low - 1), to: high == .max ? .max : high - 1)
        for end in ends(of: inner, text, position, &steps) where end > position {
          if fits([again] + rest, text, end, &steps, then: then) { return true }
        }
      }
      return low <= 0 && fits(rest, text, position, &steps, then: then)
    }
  }

  /// Where one part may end that starts here.
  private static func ends(of part: Part, _ text: [UInt32], _ position: Int, _ steps: inout Int) -> [Int] {
    var found: [Int] = []
    _ = fits([part][...], text, position, &steps) { end in
      if !found.contains(end) { found.append(end) }
      return false
    }
    return found
  }

  private struct Parser {
    var rest: Substring.UnicodeScalarView

    mutating func alternatives(depth: Int) -> [[Part]]? {
      guard depth < 20 else { return nil }
      var all: [[Part]] = [[]]
      while let next = rest.first, next != ")" {
        rest.removeFirst()
        var part: Part
        switch next {
        case "|":
          all.append([])
          continue
        case "^": part = .start
        case "$": part = .end
        case ".": part = .any
        case "[":
          guard let set = set() else { return nil }
          part = set
        case "(":
          if rest.starts(with: "?:".unicodeScalars) { rest.removeFirst(2) }
          guard let inner = alternatives(depth: depth + 1), rest.popFirst() == ")" else { return nil }
          part = .choice(inner)
        case "*", "+", "?": return nil
        case "\\":
          guard let escaped = rest.popFirst() else { return nil }
          part = Self.escape(escaped)
        default: part = .set([next.value...next.value], isNegated: false)
        }
        switch rest.first {
        case "*": part = .repeated(part, from: 0, to: .max)
        case "+": part = .repeated(part, from: 1, to: .max)
        case "?": part = .repeated(part, from: 0, to: 1)
        default:
          all[all.count - 1].append(part)
          continue
        }
        rest.removeFirst()
        all[all.count - 1].append(part)
      }
      return all
    }

    private static func escape(_ scalar: Unicode.Scalar) -> Part {
      switch scalar {
      case "d": .set([48...57], isNegated: false)
      case "w": .set([48...57, 65...90, 95...95, 97...122], isNegated: false)
      case "s": .set([9...13, 32...32], isNegated: false)
      default: .set([scalar.value...scalar.value], isNegated: false)
      }
    }

    /// What follows `[`.
    private mutating func set() -> Part? {
      var ranges: [ClosedRange<UInt32>] = []
      let isNegated = rest.first == "^"
      if isNegated { rest.removeFirst() }
      var isFirst = true
      while let scalar = rest.popFirst() {
        if scalar == "]", !isFirst { return .set(ranges, isNegated: isNegated) }
        isFirst = false
        guard let low = scalar == "\\" ? rest.popFirst() : scalar else { return nil }
        if rest.first == "-", let high = rest.dropFirst().first, high != "]" {
          rest.removeFirst(2)
          guard low.value <= high.value else { return nil }
          ranges.append(low.value...high.value)
        } else {
          ranges.append(low.value...low.value)
        }
      }
      return nil
    }
  }
}
