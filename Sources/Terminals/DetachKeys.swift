/// The keys that leave a container without ending it (docker's --detach-keys), looked for in what is typed.
///
/// The beginning of the sequence is held back until it is clear that the rest does not follow: then it goes to the
/// container like everything else.
package struct DetachKeys: Sendable {
  private let keys: [UInt8]
  private var matched = 0

  /// ctrl-p, ctrl-q
  package init() { keys = [16, 17] }

  /// `ctrl-p,ctrl-q`, `ctrl-]`, `q,q`: one byte a word, `ctrl-` before `@`, a letter, or one of `[\]^_`. Nil for anything
  /// else.
  package init?(_ text: String) {
    var keys: [UInt8] = []
    for word in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      let prefix = "ctrl-".utf8
      if word.count == 1, let key = word.first, (0x20..<0x7f).contains(key) {
        keys.append(key)
      } else if word.count == prefix.count + 1, word.starts(with: prefix), let key = word.last {
        switch key {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): keys.append(key - 96)
        case UInt8(ascii: "@"), UInt8(ascii: "[")...UInt8(ascii: "_"): keys.append(key - 64)
        default: return nil
        }
      } else {
        return nil
      }
    }
    if keys.isEmpty { return nil }
    self.keys = keys
  }

  /// What of the typed bytes, and of those held back before, goes to the container. When the sequence was typed, what came
  /// before it does, and what came after it does not.
  package mutating func feed(_ typed: ArraySlice<UInt8>) -> (bytes: [UInt8], isDetached: Bool) {
    var passed: [UInt8] = []
    passed.reserveCapacity(typed.count + matched)
    for byte in typed {
      var held = Array(keys[..<matched]) + [byte]
      // The longest end of what is held that begins the sequence stays; all before it passes.
      while !keys.starts(with: held) { passed.append(held.removeFirst()) }
      matched = held.count
      if matched == keys.count {
        matched = 0
        return (passed, true)
      }
    }
    return (passed, false)
  }
}
