package import Kernel

/// The supervisors that live, in one file in /run. Each has an entry there that the kernel marks when it ends (`LifeMark`), so
/// that a command beside five hundred containers reads one file of 32 KB instead of trying five hundred locks.
///
/// The locks are what counts: who is not in the roster is asked for by his lock, as all are where the file is missing or
/// damaged. A supervisor enters once it has nothing to do (Supervisor+Renewal.swift), which no start waits for.
package enum Roster {
  /// With fewer containers their locks are as fast.
  static let smallest = 24

  /// Half of it the word, half of it the identifier.
  private static let entrySize = 64
  private static let wordSize = 32
  private static let limit = 4 << 20

  /// The identifier as a number.
  struct Key: Hashable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// Nil for a name that is no identifier.
    init?(_ digits: some Collection<UInt8>) {
      guard digits.count == 64 else { return nil }
      var word: UInt64 = 0
      for (index, digit) in digits.enumerated() {
        switch digit {
        case 48...57: word = word << 4 | UInt64(digit - 48)
        case 97...102: word = word << 4 | UInt64(digit - 87)
        default: return nil
        }
        switch index {
        case 15: words.0 = word
        case 31: words.1 = word
        case 47: words.2 = word
        case 63: words.3 = word
        default: break
        }
      }
    }

    fileprivate init(_ bytes: ArraySlice<UInt8>) {
      func word(_ index: Int) -> UInt64 { bytes.dropFirst(8 * index).prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
      words = (word(0), word(1), word(2), word(3))
    }

    fileprivate var bytes: [UInt8] {
      [words.0, words.1, words.2, words.3].flatMap { word in
        (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
      }
    }

    static func == (one: Key, two: Key) -> Bool { one.words == two.words }
    // Identifiers are random numbers: a part of one is as good as a hash.
    func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
  }

  /// A supervisor's entry, for as long as it watches over the container.
  package struct Entry: ~Copyable {
    private var mark: LifeMark

    fileprivate init(_ mark: consuming LifeMark) { self.mark = mark }

    /// Before the lock is let go.
    package consuming func leave() { mark.remove() }
  }

  /// Enters the calling process, which holds the container's lock.
  package static func enter(_ path: Path, _ identifier: ContainerIdentifier) throws(Fault) -> Entry {
    guard let key = Key(identifier.description.utf8) else { throw Fault("roster", .invalid) }
    let file = try open(path, [.readWrite, .create, .noFollow], mode: 0o600)
    try file.borrowed.lockBriefly(.exclusive)
    // The mark keeps the open file, and with it the lock, beyond the descriptor.
    defer { try? file.borrowed.unlock() }
    let header = try self.header()
    if try file.borrowed.read(entrySize, at: 0) != header {
      // Another boot's, or nobody's: whoever was in it is asked for by the lock.
      try file.borrowed.truncate(to: 0)
      try file.borrowed.write(header, at: 0)
    }
    let offset = try freePlace(file.borrowed)
    // The identifier first: the word makes it count.
    try file.borrowed.write([UInt8](repeating: 0, count: wordSize) + key.bytes, at: offset)
    return Entry(try LifeMark(in: file.borrowed, at: offset))
  }

  /// The first entry whose supervisor has ended, else the end of the file. Read in pieces: what a supervisor once needed of
  /// memory it keeps.
  private static func freePlace(_ file: BorrowedDescriptor) throws(Fault) -> Int {
    var piece = [UInt8](repeating: 0, count: 16 * entrySize)
    var start = entrySize
    while true {
      let count = try file.read(into: &piece, at: start)
      for offset in stride(from: 0, to: piece.count, by: entrySize)
      where offset + entrySize > count || !LifeMark.lives(piece[offset...].word(at: 0)) {
        return start + offset
      }
      start += piece.count
    }
  }

  /// Of a moment ago.
  static func living(_ path: Path) -> Set<Key> {
    guard let bytes = try? readRegularFile(path, limit: limit), let header = try? header(), bytes.starts(with: header)
    else { return [] }
    var living: Set<Key> = []
    living.reserveCapacity(bytes.count / entrySize)
    for offset in stride(from: entrySize, through: bytes.count - entrySize, by: entrySize)
    where LifeMark.lives(bytes[offset...].word(at: 0)) {
      living.insert(Key(bytes[(offset + wordSize)..<(offset + entrySize)]))
    }
    return living
  }

  /// A word that nobody has cleared says nothing after a boot, where /run outlives one.
  private static func header() throws(Fault) -> [UInt8] {
    let text = "skiff roster 1\n" + (try readText("/proc/sys/kernel/random/boot_id", limit: 64))
    var header = Array(text.utf8.prefix(entrySize))
    header += [UInt8](repeating: 0, count: entrySize - header.count)
    return header
  }
}

extension ArraySlice<UInt8> {
  fileprivate func word(at offset: Int) -> UInt32 {
    (0..<4).reversed().reduce(0) { $0 << 8 | UInt32(self[startIndex + offset + $1]) }
  }
}
