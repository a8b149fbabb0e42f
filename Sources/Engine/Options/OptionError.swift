/// Why the value of an option is refused. The command line says which option and which value.
package struct OptionError: Error, Hashable, Sendable, CustomStringConvertible {
  package var reason: String
  package var suggestion: String?

  package init(_ reason: String, suggestion: String? = nil) {
    self.reason = reason
    self.suggestion = suggestion
  }

  package var description: String { reason }
}

/// A control character in a name or a setting can forge lines in files that are made of it (CVE-2022-4318).
func hasControlCharacters(_ text: String) -> Bool {
  text.unicodeScalars.contains { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) }
}
