// Text on a terminal: what may not be written there as it is, and how many columns the rest takes.

/// Names come from images and from people: a control character in one must not steer the terminal, and a bidirectional
/// override must not rearrange the line that it stands in. A new line stays.
package func printable(_ text: String) -> String {
  if text.unicodeScalars.allSatisfy({ !$0.steersTerminals }) { return text }
  return text.unicodeScalars.reduce(into: "") { out, scalar in
    if !scalar.steersTerminals {
      out.unicodeScalars.append(scalar)
    } else if scalar.value > 0xff {
      out += "\\u{" + String(scalar.value, radix: 16) + "}"
    } else {
      out += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
    }
  }
}

/// The same on one line: what somebody else said may not begin a line of its own. A new line is written `\n`.
package func printableLine(_ text: String) -> String {
  printable(text).split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
}

/// How many columns it takes on a terminal, as wcwidth(3) counts: letters of East Asia and pictures take two, marks above or
/// below a letter none.
package func screenWidth(_ text: some StringProtocol) -> Int {
  if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
  return text.reduce(0) { $0 + $1.screenWidth }
}

/// The beginning that takes at most so many columns.
package func screenPrefix(_ text: String, columns: Int) -> Substring {
  var rest = columns
  return text.prefix { character in
    rest -= character.screenWidth
    return rest >= 0
  }
}

/// At most so many columns; what is cut ends in `…`.
package func shortened(_ text: String, to columns: Int) -> String {
  screenWidth(text) > columns ? screenPrefix(text, columns: columns - 1) + "…" : text
}

extension Unicode.Scalar {
  /// Control characters, and bidirectional overrides and isolates. A new line steers nothing.
  fileprivate var steersTerminals: Bool {
    switch value {
    case 0x0a: false
    case ..<0x20, 0x7f...0x9f, 0x202a...0x202e, 0x2066...0x2069: true
    default: false
    }
  }

  /// The ranges W and F of EastAsianWidth.txt, without those that `isEmojiPresentation` knows.
  fileprivate var isWide: Bool {
    switch value {
    case ..<0x1100: false
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xa960...0xa97c, 0xac00...0xd7a3, 0xf900...0xfaff,
      0xfe10...0xfe19, 0xfe30...0xfe6f, 0xff01...0xff60, 0xffe0...0xffe6, 0x16fe0...0x18cff, 0x1aff0...0x1b2ff,
      0x20000...0x3fffd:
      true
    default: properties.isEmojiPresentation
    }
  }
}

extension Character {
  fileprivate var screenWidth: Int {
    guard let first = unicodeScalars.first else { return 0 }
    switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    // U+FE0F asks for the coloured picture of a sign that has both.
    default: return unicodeScalars.contains { $0.isWide || $0 == "\u{fe0f}" } ? 2 : 1
    }
  }
}
