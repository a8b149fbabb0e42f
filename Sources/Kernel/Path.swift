/// A file name as the kernel takes it: bytes that end in one NUL, with no NUL inside.
///
/// It need not be UTF-8; `description` shows it as well as that can be done.
package struct Path: Hashable, Sendable {
  /// The bytes with the final NUL.
  private let storage: [UInt8]

  /// Refuses a NUL inside, which the kernel would read as the end.
  package init?(bytes: [UInt8]) { self.init(bytes: bytes[...]) }

  package init?(bytes: ArraySlice<UInt8>) {
    if bytes.contains(0) { return nil }
    self.init(component: bytes)
  }

  /// The path up to the first NUL: for names that came from the kernel or from our own code.
  package init(_ string: String) {
    var storage = [UInt8]()
    storage.reserveCapacity(string.utf8.count + 1)
    storage.append(contentsOf: string.utf8)
    if let end = storage.firstIndex(of: 0) { storage.removeSubrange(end...) }
    storage.append(0)
    self.storage = storage
  }

  /// The bytes without the final NUL.
  package var bytes: ArraySlice<UInt8> { storage.dropLast() }
  package var isEmpty: Bool { storage.count == 1 }
  package var isAbsolute: Bool { storage[0] == UInt8(ascii: "/") }
  package var string: String { String(decoding: bytes, as: UTF8.self) }

  @inline(__always)
  package func withPointer<Result, Failure: Error>(
    _ body: (UnsafePointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe storage.withUnsafeBufferPointer { (buffer) throws(Failure) in try unsafe body(buffer.baseAddress!) }
  }

  /// The number that a raw system call takes, valid inside `body` only.
  @inline(__always)
  func withAddress<Result, Failure: Error>(_ body: (Int) throws(Failure) -> Result) throws(Failure) -> Result {
    try unsafe withPointer { (pointer) throws(Failure) in try body(Int(bitPattern: pointer)) }
  }
}

extension Path: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, CustomStringConvertible {
  package init(stringLiteral value: String) { self.init(value) }
  package var description: String { string }
  /// The path in quotes, as an error or a trace shows it.
  package var quoted: String { "\"\(string)\"" }
}

// MARK: - Components

extension Path {
  /// The components between slashes, empty ones and `.` left out; `..` is kept, for only the kernel can resolve it.
  package var components: [Path] { componentRanges.map { Path(component: storage[$0]) } }

  /// The last component: `ls` of `/bin/ls`. Empty for `/`.
  package var name: String { componentRanges.last.map { String(decoding: storage[$0], as: UTF8.self) } ?? "" }

  /// All but the last component: `/bin` of `/bin/ls`, `/` of `/bin`, empty for a bare name.
  package var parent: Path { Path(components: components.dropLast(), isAbsolute: isAbsolute) }

  /// The last component as the bytes it is; `.` when there is none.
  package var lastComponent: Path { componentRanges.last.map { Path(component: storage[$0]) } ?? "." }

  /// Whether this is `other` or lies below it, by the text of both.
  package func isInside(_ other: Path) -> Bool {
    var (position, above) = (0, 0)
    while let wanted = other.nextComponent(&above) {
      guard let own = nextComponent(&position), storage[own] == other.storage[wanted] else { return false }
    }
    return true
  }

  private var componentRanges: [Range<Int>] {
    var ranges: [Range<Int>] = []
    var position = 0
    while let range = nextComponent(&position) { ranges.append(range) }
    return ranges
  }

  /// Where the first component at or after `position` is, which then stands behind it. Found by hand: every start takes
  /// paths apart, and a split that makes a path of each part was an eighth of the instructions of `skiff-runtime run`.
  private func nextComponent(_ position: inout Int) -> Range<Int>? {
    while position < storage.count - 1 {
      let start = position
      var end = start
      while end < storage.count - 1, storage[end] != UInt8(ascii: "/") { end += 1 }
      position = end + 1
      let isDot = end == start + 1 && storage[start] == UInt8(ascii: ".")
      if end > start, !isDot { return start..<end }
    }
    return nil
  }

  /// Of bytes that end in their only NUL.
  private init(terminated storage: [UInt8]) { self.storage = storage }

  /// Of bytes of a path, which hold no NUL.
  private init(component: ArraySlice<UInt8>) {
    var storage = [UInt8]()
    storage.reserveCapacity(component.count + 1)
    storage.append(contentsOf: component)
    storage.append(0)
    self.storage = storage
  }

  private init(components: some Sequence<Path>, isAbsolute: Bool) {
    var storage = [UInt8]()
    for component in components {
      if !storage.isEmpty || isAbsolute { storage.append(UInt8(ascii: "/")) }
      storage.append(contentsOf: component.bytes)
    }
    if storage.isEmpty, isAbsolute { storage.append(UInt8(ascii: "/")) }
    storage.append(0)
    self.storage = storage
  }

  /// `self/other`; an absolute `other` is appended all the same, so that nothing leaves `self`.
  package func appending(_ other: Path) -> Path {
    if isEmpty { return other }
    var length = storage.count - 1
    while length > 0, storage[length - 1] == UInt8(ascii: "/") { length -= 1 }
    let rest = other.storage.drop { $0 == UInt8(ascii: "/") }
    var joined = [UInt8]()
    joined.reserveCapacity(length + 1 + rest.count)
    joined.append(contentsOf: storage[..<length])
    joined.append(UInt8(ascii: "/"))
    joined.append(contentsOf: rest)
    return Path(terminated: joined)
  }

  package func appending(_ other: String) -> Path { appending(Path(other)) }

  /// The path with `.`, `..` and doubled slashes taken out by their text alone. It says nothing about links.
  package var lexicallyNormal: Path {
    var kept: [Path] = []
    for component in components {
      if component != ".." {
        kept.append(component)
      } else if let last = kept.last, last != ".." {
        kept.removeLast()
      } else if !isAbsolute {
        kept.append("..")
      }
    }
    return kept.isEmpty && !isAbsolute ? "." : Path(components: kept, isAbsolute: isAbsolute)
  }
}
