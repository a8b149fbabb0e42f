internal import Kernel

/// One mount of this process's namespace (proc_pid_mountinfo(5)).
struct MountTableLine {
  var identifier: UInt64
  /// What of the file system is mounted; `/` is all of it.
  var root: Path
  var point: Path
  var type: String

  static func all() throws(Fault) -> [MountTableLine] {
    try readFile("/proc/thread-self/mountinfo", limit: 64 << 20).split(separator: UInt8(ascii: "\n")).compactMap {
      Self($0)
    }
  }

  init?(_ line: ArraySlice<UInt8>) {
    let words = line.split(separator: UInt8(ascii: " "))
    guard words.count > 8, let dash = words.dropFirst(6).firstIndex(where: { $0.elementsEqual("-".utf8) }),
      words.indices.contains(dash + 1), let identifier = UInt64(String(decoding: words[0], as: UTF8.self)),
      let root = Self.unescaped(words[3]), let point = Self.unescaped(words[4])
    else { return nil }
    self.identifier = identifier
    self.root = root
    self.point = point
    type = String(decoding: words[dash + 1], as: UTF8.self)
  }

  /// White space and backslashes are three octal digits after a backslash.
  private static func unescaped(_ word: ArraySlice<UInt8>) -> Path? {
    var bytes: [UInt8] = []
    var index = word.startIndex
    while index < word.endIndex {
      let digits = word[index...].dropFirst().prefix(3)
      if word[index] == UInt8(ascii: "\\"), digits.count == 3,
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        index += 4
      } else {
        bytes.append(word[index])
        index += 1
      }
    }
    return Path(bytes: bytes)
  }
}
