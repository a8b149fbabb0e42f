package import Kernel

/// One call of another OCI runtime, by the command line that runc has and the others took over:
/// `PROGRAM --root DIR --log FILE --log-format json WORDS`.
package struct RuntimeCall: Hashable, Sendable {
  package var program: Path
  /// Where it keeps what it knows of this one container.
  package var root: Path
  /// Where it writes why it failed; a file of this call's alone.
  package var log: Path
  /// The command and what belongs to it.
  package var words: [Path]
  /// The words of the call that takes this one back.
  package var reverse: [Path]?

  package init(program: Path, root: Path, log: Path, words: [Path], reverse: [Path]? = nil) {
    self.program = program
    self.root = root
    self.log = log
    self.words = words
    self.reverse = reverse
  }

  /// As it is executed, the name first.
  package var arguments: [Path] {
    [program, "--root", root, "--log", log, "--log-format", "json"] + words
  }

  /// The runtime's command: `create`.
  package var command: Path { words.first ?? "" }

  /// Nothing of the user's, and nothing of what the container was given.
  package static let environment: [Path] = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  ]

  var undo: RuntimeCall? {
    reverse.map { RuntimeCall(program: program, root: root, log: log, words: $0) }
  }
}
