internal import Glibc

/// An extended regular expression (regex(7)), compiled by glibc. This file sees Swift's Glibc module and not CKernel, in which
/// _GNU_SOURCE gives the members of regex_t other names.
@safe package struct RegularExpression: ~Copyable {
  private let compiled: UnsafeMutablePointer<regex_t>

  /// Nil when it is none.
  package init?(_ text: String) {
    let expression = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
    unsafe expression.initialize(to: regex_t())
    guard !text.utf8.contains(0), unsafe regcomp(expression, text, REG_EXTENDED | REG_NOSUB) == 0 else {
      // Not a member yet, else deinit would free what regcomp never made.
      unsafe expression.deallocate()
      return nil
    }
    unsafe compiled = expression
  }

  deinit {
    unsafe regfree(compiled)
    unsafe compiled.deallocate()
  }

  /// Whether it stands somewhere in `text`.
  package func matches(_ text: String) -> Bool { unsafe regexec(compiled, text, 0, nil, 0) == 0 }
}
