internal import Containers
internal import Kernel

/// What `ps` read of each container the last time, in /run: for five hundred containers one file instead of a thousand.
///
/// A container's record and its state are whole new files renamed into its directory, which changes the directory's time
/// (rename(2)): where that is what it was, they are. The clock that files get their times from may stand still for a tick
/// (CONFIG_HZ, ten milliseconds at most; Linux 6.13 counts finer), so what was changed just now is not kept. A file system may
/// count whole seconds (ext4 with inodes of 128 bytes, as on small old disks): a time without a fraction is waited for longer.
struct ListCache {
  /// With fewer containers their own files are as fast.
  static let smallest = 32
  /// Of the first word: another form gets another number.
  private static let form = "skiff list 2"
  private static let limit = 64 << 20

  /// A directory as it was when its files were read.
  struct Stamp {
    var inode: UInt64
    var modified: Timestamp
    private static let settled: UInt32 = 50_000_000

    /// Whether every change since has given it another time.
    var isSettled: Bool {
      // Compared, not subtracted: a hand or a broken clock can give a directory a time that is centuries from here.
      var end = modified
      if end.nanoseconds == 0 { end.seconds &+= 1 }
      end.nanoseconds += Self.settled
      if end.nanoseconds >= 1_000_000_000 {
        end.nanoseconds -= 1_000_000_000
        end.seconds &+= 1
      }
      return end < now()
    }
  }

  private var bytes: [UInt8] = []
  /// In the order of the directory, as long as nothing comes or goes: each is most often found where the last one was left.
  private var known: [(stamp: Stamp, place: Range<Int>)] = []
  private var next = 0
  private var places: [UInt64: Int] = [:]
  /// What was found, by its place, and what was not, in the order of the directory.
  private var present: [(stamp: Stamp, place: Range<Int>, added: ListedContainer?)] = []
  private var addedCount = 0

  init(reading path: Path) {
    guard let bytes = try? readRegularFile(path, limit: Self.limit) else { return }
    var rest = Unpacking(bytes)
    guard rest.string() == Self.form else { return }
    self.bytes = bytes
    while !rest.isAtEnd {
      let inode = UInt64(bitPattern: Int64(rest.integer()))
      let modified = rest.timestamp()
      let place = rest.range()
      if !place.isEmpty { known.append((Stamp(inode: inode, modified: modified), place)) }
    }
  }

  /// The container that stood there, if nothing has changed since.
  mutating func find(_ stamp: Stamp) -> ListedContainer? {
    guard let index = index(of: stamp.inode), known[index].stamp.modified == stamp.modified else { return nil }
    next = index + 1
    let place = known[index].place
    var rest = Unpacking(bytes, place)
    guard let container = ListedContainer(from: &rest) else { return nil }
    present.append((stamp, place, nil))
    return container
  }

  private mutating func index(of inode: UInt64) -> Int? {
    if next < known.count, known[next].stamp.inode == inode { return next }
    if places.isEmpty {
      places.reserveCapacity(known.count)
      for (index, one) in known.enumerated() { places[one.stamp.inode] = index }
    }
    return places[inode]
  }

  mutating func add(_ container: ListedContainer, _ stamp: Stamp) {
    guard stamp.isSettled else { return }
    present.append((stamp, 0..<0, container))
    addedCount += 1
  }

  /// For the next one, if there is enough that it would not find. Of two at once either is as good; who cannot write it goes
  /// without.
  func write(to path: Path) {
    guard addedCount >= Self.smallest / 2 else { return }
    var packed = Packing()
    packed.add(Self.form)
    for (stamp, place, added) in present {
      packed.add(Int(Int64(bitPattern: stamp.inode)))
      packed.add(stamp.modified)
      if let added {
        var one = Packing()
        added.pack(into: &one)
        packed.add(one.bytes[...])
      } else {
        packed.add(bytes[place])
      }
    }
    try? replaceFile(path, with: packed.bytes, durable: false)
  }
}
