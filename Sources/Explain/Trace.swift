internal import Kernel

/// Text as strace(1) shows it.
enum Trace {
  /// A string argument: printable characters as they are, the rest as C escapes; a long one is cut.
  static func string(_ bytes: some Collection<UInt8>, limit: Int = 256) -> String {
    var text = "\""
    for byte in bytes.prefix(limit) {
      switch byte {
      case UInt8(ascii: "\""): text += "\\\""
      case UInt8(ascii: "\\"): text += "\\\\"
      case UInt8(ascii: "\n"): text += "\\n"
      case UInt8(ascii: "\t"): text += "\\t"
      case 0x20..<0x7f: text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 8)
        text += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
      }
    }
    return text + (bytes.count > limit ? "\"..." : "\"")
  }

  static func string(_ text: String) -> String { string(Array(text.utf8)) }
  static func path(_ path: Path) -> String { string(path.bytes, limit: 4096) }

  /// `call("mkdir", …)` → `mkdir("/a", 0755)`.
  static func call(_ name: String, _ arguments: String...) -> String {
    "\(name)(\(arguments.joined(separator: ", ")))"
  }

  /// Flag names joined as C has them; `0` for none.
  static func flags(_ names: [String]) -> String { names.isEmpty ? "0" : names.joined(separator: "|") }

  /// One write of a whole small file.
  static func write(_ path: Path, _ value: some Collection<UInt8>) -> [String] {
    [
      call("openat", "AT_FDCWD", Self.path(path), "O_WRONLY|O_CLOEXEC"),
      call("write", "<\(clean(path))>", string(value), "\(value.count)"),
    ]
  }

  static func write(_ path: Path, _ value: String) -> [String] { write(path, Array(value.utf8)) }

  /// Every `word` in `text` replaced.
  static func replace(_ word: String, in text: String, by other: String) -> String {
    let (bytes, word, other) = (Array(text.utf8), Array(word.utf8), Array(other.utf8))
    guard !word.isEmpty else { return text }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      if bytes[index] == word[0], bytes[index...].starts(with: word) {
        result += other
        index += word.count
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// `net.ipv4.ip_forward` → its file. A name that has a slash before any dot is a path already (sysctl(8)).
  static func sysctlPath(_ key: String) -> Path {
    if key.first(where: { $0 == "." || $0 == "/" }) == "/" { return Path("/proc/sys/" + key) }
    return Path("/proc/sys/" + String(key.map { $0 == "." ? "/" : $0 == "/" ? "." : $0 }))
  }

  /// A path inside of running text: nothing in it can move the cursor of a terminal or end the line.
  static func clean(_ path: Path) -> String { clean(path.string) }

  static func clean(_ text: String) -> String {
    var kept = ""
    for scalar in text.unicodeScalars {
      let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
      // Bidirectional overrides rearrange the rest of the line.
      let rearranges = (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
      kept.unicodeScalars.append(isControl || rearranges ? "\u{fffd}" : scalar)
    }
    return kept
  }
}
