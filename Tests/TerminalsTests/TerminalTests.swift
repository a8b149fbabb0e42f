import Kernel
import Terminals
import Testing

/// A pseudo terminal of this machine's own devpts: the master, and its other end.
private struct Pair: ~Copyable {
  let master: Descriptor
  let peer: Descriptor

  init(_ size: WindowSize? = nil) throws {
    let devpts = try open("/dev/pts", [.readOnly, .directory])
    let master = try openPseudoTerminal(in: devpts.borrowed, size: size)
    peer = try openPseudoTerminalPeer(of: master.borrowed)
    self.master = master
  }
}

private func read(_ descriptor: BorrowedDescriptor) throws -> String {
  var buffer = [UInt8](repeating: 0, count: 4096)
  let count = try descriptor.read(into: &buffer)
  return String(decoding: buffer[..<count], as: UTF8.self)
}

@Suite(.enabled(if: exists("/dev/pts/ptmx"), "no devpts instance with a ptmx of its own here"))
struct TerminalTests {
  @Test func aPairCarriesBytesAndSizes() throws {
    let pair = try Pair(WindowSize(rows: 24, columns: 80))
    let pipe = try makePipe()
    #expect(isTerminal(pair.peer.borrowed))
    #expect(!isTerminal(pipe.reading.borrowed))
    #expect(try windowSize(of: pair.peer.borrowed) == WindowSize(rows: 24, columns: 80))
    try setWindowSize(of: pair.master.borrowed, to: WindowSize(rows: 50, columns: 132))
    #expect(try windowSize(of: pair.peer.borrowed) == WindowSize(rows: 50, columns: 132))
    // Cooked: a newline goes out as CR LF.
    try pair.peer.borrowed.write("one\n")
    #expect(try read(pair.master.borrowed) == "one\r\n")
    let number = try pseudoTerminalNumber(of: pair.master.borrowed)
    #expect(exists("/dev/pts/\(number)"))
  }

  @Test func rawModeIsGivenBackOnEveryWayOut() throws {
    let pair = try Pair()
    let before = try terminalAttributes(of: pair.peer.borrowed)
    #expect(before.echoes && before.isCanonical)
    struct Stop: Error {}
    func fail(_ terminal: BorrowedDescriptor) throws {
      let raw = try RawTerminal(terminal)
      #expect(try !terminalAttributes(of: terminal).echoes)
      _ = consume raw
      throw Stop()
    }
    #expect(throws: Stop.self) { try fail(pair.peer.borrowed) }
    #expect(try terminalAttributes(of: pair.peer.borrowed) == before)
    do {
      let raw = try RawTerminal(pair.peer.borrowed)
      #expect(try !terminalAttributes(of: pair.peer.borrowed).isCanonical)
      try raw.restore()
    }
    #expect(try terminalAttributes(of: pair.peer.borrowed) == before)
  }

  @Test func rawModePassesEveryByte() throws {
    let pair = try Pair()
    let raw = try RawTerminal(pair.peer.borrowed)
    // Interrupt, end of file, stop, erase, carriage return: each would be eaten or turned in cooked mode.
    try pair.master.borrowed.write([3, 4, 19, 127, 13])
    #expect(Array(try read(pair.peer.borrowed).utf8) == [3, 4, 19, 127, 13])
    try pair.peer.borrowed.write("a\n")
    #expect(try read(pair.master.borrowed) == "a\n")
    try raw.restore()
  }

  @Test func whatIsNoTerminalIsRefused() throws {
    let pipe = try makePipe()
    let fault = #expect(throws: Fault.self) { _ = try RawTerminal(pipe.reading.borrowed) }
    #expect(fault?.errno == .notTerminal)
    let directory = try open("/tmp", [.readOnly, .directory])
    #expect(throws: Fault.self) { _ = try openPseudoTerminal(in: directory.borrowed) }
  }

  @Test func aRelayCopiesBothWaysAndResizes() throws {
    let person = try Pair(WindowSize(rows: 30, columns: 100))
    let raw = try RawTerminal(person.peer.borrowed)
    let inner = try Pair()
    // What the person types waits in the outer terminal, what the program says in the inner one.
    try person.master.borrowed.write([
      UInt8(ascii: "l"), UInt8(ascii: "s"), 16, UInt8(ascii: "x"), 16, 17, UInt8(ascii: "z"),
    ])
    try inner.peer.borrowed.write("hello\n")
    var relay = try TerminalRelay(
      input: person.peer.borrowed, output: person.peer.borrowed, master: inner.master.borrowed, keys: DetachKeys())
    #expect(try relay.run() == .detached)
    #expect(try windowSize(of: inner.peer.borrowed) == WindowSize(rows: 30, columns: 100))
    #expect(try read(person.master.borrowed).hasPrefix("hello\r\n"))
    let innerRaw = try RawTerminal(inner.peer.borrowed)
    #expect(Array(try read(inner.peer.borrowed).utf8) == Array("ls".utf8) + [16, UInt8(ascii: "x")])
    try innerRaw.restore()
    try raw.restore()
  }

  @Test func aRelayEndsWithTheOtherSide() throws {
    let person = try Pair()
    let devpts = try open("/dev/pts", [.readOnly, .directory])
    let master = try openPseudoTerminal(in: devpts.borrowed)
    do {
      let peer = try openPseudoTerminalPeer(of: master.borrowed)
      try peer.borrowed.write("bye")
    }
    var relay = try TerminalRelay(
      input: person.peer.borrowed, output: person.peer.borrowed, master: master.borrowed)
    #expect(try relay.run() == .closed)
    #expect(try read(person.master.borrowed) == "bye")
  }
}
