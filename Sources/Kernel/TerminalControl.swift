internal import CKernel

// The ioctls of a terminal (tty_ioctl(2), ioctl_tty(2)). Their numbers are those of asm-generic, as x86-64 and arm64 have.

/// struct termios as the kernel has it: 36 bytes, without the speeds that the C library adds.
package struct TerminalAttributes: Sendable, Equatable {
  /// c_iflag, c_oflag, c_cflag, c_lflag, then in 20 bytes c_line and c_cc.
  private var words: [9 of UInt32] = .init(repeating: 0)

  package static func == (a: TerminalAttributes, b: TerminalAttributes) -> Bool {
    (0..<9).allSatisfy { a.words[$0] == b.words[$0] }
  }

  fileprivate init(_ words: [UInt32]) {
    for index in 0..<9 { self.words[index] = words[index] }
  }

  fileprivate var asArray: [UInt32] { (0..<9).map { words[$0] } }

  package var echoes: Bool { words[3] & UInt32(ECHO) != 0 }
  package var isCanonical: Bool { words[3] & UInt32(ICANON) != 0 }

  /// As cfmakeraw(3) and docker set it: every byte passes as it is typed, nothing is echoed, no key makes a signal.
  /// Output processing goes too: the inner terminal has turned newlines into CR LF already.
  package var raw: TerminalAttributes {
    var changed = self
    changed.words[0] &= ~UInt32(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON)
    changed.words[1] &= ~UInt32(OPOST)
    changed.words[2] = changed.words[2] & ~UInt32(CSIZE | PARENB) | UInt32(CS8)
    changed.words[3] &= ~UInt32(ECHO | ECHONL | ICANON | ISIG | IEXTEN)
    // c_line is byte 0 of word 4, c_cc[i] byte i + 1: VTIME (5) = 0, VMIN (6) = 1.
    changed.setCharacter(5, 0)
    changed.setCharacter(6, 1)
    return changed
  }

  private mutating func setCharacter(_ index: Int, _ value: UInt8) {
    let (word, shift) = (4 + (index + 1) / 4, UInt32((index + 1) % 4 * 8))
    words[word] = words[word] & ~(0xff << shift) | UInt32(value) << shift
  }
}

/// TCGETS; ENOTTY for what is no terminal.
package func terminalAttributes(of terminal: BorrowedDescriptor) throws(Fault) -> TerminalAttributes {
  var words = [UInt32](repeating: 0, count: 9)
  _ = try words.withMutableAddress { (base) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), terminal.argument, 0x5401, base, arguments: "\(terminal.description), TCGETS")
  }
  return TerminalAttributes(words)
}

/// TCSETS at once, or TCSETSW when all output has gone out.
package func setTerminalAttributes(
  of terminal: BorrowedDescriptor, to attributes: TerminalAttributes, afterOutput: Bool = false
) throws(Fault) {
  _ = try attributes.asArray.withAddress { (base) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), terminal.argument, afterOutput ? 0x5403 : 0x5402, base,
      arguments: "\(terminal.description), \(afterOutput ? "TCSETSW" : "TCSETS")")
  }
}

package func isTerminal(_ descriptor: BorrowedDescriptor) -> Bool {
  (try? terminalAttributes(of: descriptor)) != nil
}

/// The size of a terminal's window in characters.
package struct WindowSize: Hashable, Sendable {
  package var rows: UInt16
  package var columns: UInt16
  package init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }
}

/// TIOCGWINSZ. A terminal whose size nobody set has 0 rows and columns.
package func windowSize(of terminal: BorrowedDescriptor) throws(Fault) -> WindowSize {
  var size = [UInt16](repeating: 0, count: 4)
  _ = try size.withMutableAddress { (base) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), terminal.argument, 0x5413, base, arguments: "\(terminal.description), TIOCGWINSZ")
  }
  return WindowSize(rows: size[0], columns: size[1])
}

/// TIOCSWINSZ: the foreground process group gets SIGWINCH when it differs from before.
package func setWindowSize(of terminal: BorrowedDescriptor, to size: WindowSize) throws(Fault) {
  _ = try [size.rows, size.columns, 0, 0].withAddress { (base) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), terminal.argument, 0x5414, base,
      arguments: "\(terminal.description), TIOCSWINSZ, \(size.rows)x\(size.columns)")
  }
}

/// TIOCSCTTY: `terminal` becomes the controlling terminal of a session that has none; the caller leads the session.
package func makeControllingTerminal(_ terminal: BorrowedDescriptor) throws(Fault) {
  _ = try systemCall(
    "ioctl", Int(SYS_ioctl), terminal.argument, 0x540e, 0, arguments: "\(terminal.description), TIOCSCTTY, 0")
}

/// TIOCSPTLCK: a new pseudo terminal is locked until its owner says otherwise.
package func unlockPseudoTerminal(_ master: BorrowedDescriptor) throws(Fault) {
  let unlocked: [Int32] = [0]
  _ = try unlocked.withAddress { (base) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), master.argument, 0x4004_5431, base,
      arguments: "\(master.description), TIOCSPTLCK, 0")
  }
}

/// TIOCGPTN: the n of /dev/pts/n.
package func pseudoTerminalNumber(of master: BorrowedDescriptor) throws(Fault) -> UInt32 {
  var number: [UInt32] = [0]
  _ = try number.withMutableAddress { (base) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), master.argument, 0x8004_5430, base, arguments: "\(master.description), TIOCGPTN")
  }
  return number[0]
}

/// TIOCGPTPEER (Linux 4.13): opens the other end by its master, never by a path that somebody could have swapped
/// (CVE-2025-52565).
package func openPseudoTerminalPeer(
  of master: BorrowedDescriptor, _ flags: OpenFlags = [.readWrite, .noControllingTerminal]
) throws(Fault) -> Descriptor {
  let raw = try systemCall(
    "ioctl", Int(SYS_ioctl), master.argument, 0x5441, Int(flags.rawValue | O_CLOEXEC),
    arguments: "\(master.description), TIOCGPTPEER")
  return Descriptor(owning: Int32(raw))
}
