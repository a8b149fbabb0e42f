internal import CKernel

/// A word of a file that says whether a thread lives: while it does, the thread's number, which the kernel itself marks when
/// the thread ends or executes another program, however that comes. So who reads many of them learns of all at once, where
/// locks are to be tried one by one.
///
/// The mechanism is that of robust futexes (set_robust_list(2), Documentation/locking/robust-futex-ABI.rst): the kernel walks a
/// list that the thread has registered and puts FUTEX_OWNER_DIED into each word with the thread's number.
///
/// This program itself never touches the word in memory: a file that somebody cuts, by hand or because another version writes
/// it anew, has no page there any more, and that is a SIGBUS for a process (mmap(2)), while the kernel passes over it.
package struct LifeMark: ~Copyable {
  private let file: Descriptor
  private let offset: Int
  private let thread: [UInt8]

  /// Whether a word is that of a thread that lives.
  package static func lives(_ word: UInt32) -> Bool { word & 0x4000_0000 == 0 && word & 0x3fff_ffff != 0 }

  /// Writes the calling thread's number into the word, for the rest of the thread's life, which has one such word at a time.
  /// The C library's own list, which this one takes the place of, has robust mutexes, and nobody uses any.
  ///
  /// - Parameters:
  ///   - file: opened for reading and writing.
  ///   - offset: a multiple of four, within the file.
  package init(in file: BorrowedDescriptor, at offset: Int) throws(Fault) {
    let own = try file.duplicate()
    let page = Int(getpagesize())
    let start = offset / page * page
    let address = try systemCall(
      "mmap", Int(SYS_mmap), 0, page, Int(PROT_READ | PROT_WRITE), Int(MAP_SHARED), file.argument, start,
      arguments: "NULL, \(page), PROT_READ|PROT_WRITE, MAP_SHARED, \(file.description), \(start)")
    // struct robust_list_head: the first entry, from an entry to its word, an entry in work; and behind it the one entry,
    // which leads back. Nobody frees it: the kernel reads it when the thread ends.
    let list = UnsafeMutablePointer<Int>.allocate(capacity: 4)
    let head = Int(bitPattern: list)
    let entry = head + 3 * MemoryLayout<Int>.size
    unsafe list[0] = entry
    unsafe list[1] = address + offset - start - entry
    unsafe list[2] = 0
    unsafe list[3] = head
    _ = try systemCall(
      "set_robust_list", Int(SYS_set_robust_list), head, 3 * MemoryLayout<Int>.size, arguments: "<list>, 24")
    // After the list: who is killed in between was never there.
    let number = UInt32(truncatingIfNeeded: ckernel_syscall(Int(SYS_gettid), 0, 0, 0, 0, 0, 0))
    let thread = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    try own.borrowed.write(thread, at: offset)
    self.file = own
    self.offset = offset
    self.thread = thread
  }

  /// The thread lives on and is not to be counted any more. Where the file was written anew, the place may be another's.
  package consuming func remove() {
    guard (try? file.borrowed.read(4, at: offset)) == thread else { return }
    try? file.borrowed.write([0, 0, 0, 0], at: offset)
  }
}
