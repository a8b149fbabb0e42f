/// One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)): a mount of a process's mount namespace. The line is taken apart
/// once; what a field says is made of it when somebody asks, for most lines are asked for their type alone.
package struct MountInformation: Sendable {
  /// The number that statx(2) gives as the mount's, too.
  package let identifier: UInt64
  private let rootField: ArraySlice<UInt8>
  private let pointField: ArraySlice<UInt8>
  private let optionsField: ArraySlice<UInt8>
  private let typeField: ArraySlice<UInt8>
  private let superOptionsField: ArraySlice<UInt8>

  /// Nil for a line that is cut short.
  package init?(_ line: ArraySlice<UInt8>) {
    var fields = ByteFields(line)
    guard let identifier = fields.next(" ")?.decimal, fields.next(" ") != nil, fields.next(" ") != nil,
      let root = fields.next(" "), let point = fields.next(" "), let options = fields.next(" ")
    else { return nil }
    // Optional fields such as `shared:9` end at a lone dash.
    while let field = fields.next(" "), !field.equals("-") {}
    guard let type = fields.next(" "), fields.next(" ") != nil, let superOptions = fields.next(" ")
    else { return nil }
    self.identifier = identifier
    (rootField, pointField, optionsField) = (root, point, options)
    (typeField, superOptionsField) = (type, superOptions)
  }

  /// What of the file system is mounted: `/` is all of it; `net:[4026531840]` for a file of nsfs.
  package var root: Path { Self.unescaped(rootField) }
  /// Where it is mounted, as seen from the reader's root.
  package var point: Path { Self.unescaped(pointField) }
  /// Of the mount: `rw`, `nosuid`, ….
  package var options: [String] { Self.list(optionsField) }
  /// Of the file system, `cgroup2` or `ext4`.
  package var type: String { String(decoding: typeField, as: UTF8.self) }
  /// Of the file system, whoever mounts it: v1's controllers are among them.
  package var superOptions: [String] { Self.list(superOptionsField) }

  package func hasType(_ type: StaticString) -> Bool { typeField.equals(type) }

  /// All lines of the text that are whole.
  package static func parse(_ bytes: [UInt8]) -> [MountInformation] {
    var lines = ByteFields(bytes)
    var mounts: [MountInformation] = []
    while let line = lines.next("\n") {
      if let mount = MountInformation(line) { mounts.append(mount) }
    }
    return mounts
  }

  /// The mounts of the calling thread's namespace.
  package static func own() throws(Fault) -> [MountInformation] {
    parse(try readFile("/proc/thread-self/mountinfo", limit: 64 << 20))
  }

  private static func list(_ field: ArraySlice<UInt8>) -> [String] {
    var fields = ByteFields(field)
    var words: [String] = []
    while let word = fields.next(",") { words.append(String(decoding: word, as: UTF8.self)) }
    return words
  }

  /// Blanks, tabs, newlines and backslashes are written as three octal digits after a backslash.
  private static func unescaped(_ field: ArraySlice<UInt8>) -> Path {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(field.count)
    var index = field.startIndex
    while index < field.endIndex {
      if field[index] == UInt8(ascii: "\\"), let byte = octal(field[(index + 1)...].prefix(3)) {
        bytes.append(byte)
        index += 4
      } else {
        bytes.append(field[index])
        index += 1
      }
    }
    // No file name holds a NUL, so neither does what the kernel writes; one that did would end there.
    return Path(bytes: bytes) ?? Path(String(decoding: bytes, as: UTF8.self))
  }

  private static func octal(_ digits: ArraySlice<UInt8>) -> UInt8? {
    guard digits.count == 3 else { return nil }
    var value: UInt32 = 0
    for digit in digits {
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "7") else { return nil }
      value = value << 3 | UInt32(digit - UInt8(ascii: "0"))
    }
    return UInt8(exactly: value)
  }
}
