package import Kernel

/// A terminal in raw mode. It cannot be copied and gives the old attributes back when it goes, on every way out of the
/// scope that holds it.
package struct RawTerminal: ~Copyable {
  private let terminal: BorrowedDescriptor
  private let before: TerminalAttributes

  /// - Parameter terminal: must stay open as long as the value lives; standard input does.
  package init(_ terminal: BorrowedDescriptor) throws(Fault) {
    let attributes = try terminalAttributes(of: terminal)
    // A background process that changes a terminal gets SIGTTOU, whose default stops it until it is in the foreground.
    try setTerminalAttributes(of: terminal, to: attributes.raw)
    self.terminal = terminal
    before = attributes
  }

  /// Gives the old attributes back once what was printed has gone out, and tells when that fails.
  package consuming func restore() throws(Fault) {
    let (terminal, before) = (terminal, before)
    discard self
    try setTerminalAttributes(of: terminal, to: before, afterOutput: true)
  }

  deinit { try? setTerminalAttributes(of: terminal, to: before) }
}
