package import Kernel

/// The first line of a script: `#!interpreter argument` (execve(2), "Interpreter scripts").
package struct Script: Hashable, Sendable {
  /// As it stands in the file, a carriage return included.
  package var interpreter: Path
  /// All that follows is one argument; blanks at its end are dropped.
  package var argument: Path?

  /// BINPRM_BUF_SIZE: what the kernel looks at (Linux 5.1; 128 bytes before).
  package static let longestLine = 256

  /// Nil when the file does not start with `#!`, or names nothing.
  package init?(front: ArraySlice<UInt8>) {
    guard front.starts(with: "#!".utf8) else { return nil }
    let line = front.prefix(Self.longestLine).dropFirst(2).prefix { $0 != 10 && $0 != 0 }
    func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
    let rest = line.drop(while: isBlank)
    let name = rest.prefix { !isBlank($0) }
    guard !name.isEmpty, let interpreter = Path(bytes: name) else { return nil }
    var argument = rest.dropFirst(name.count).drop(while: isBlank)
    while let last = argument.last, isBlank(last) { argument.removeLast() }
    self.interpreter = interpreter
    self.argument = argument.isEmpty ? nil : Path(bytes: argument)
  }

  /// The line was written on a machine that ends lines with CR LF, and the CR is taken as part of a name: by the kernel, or
  /// by env(1). Behind any other argument it is the interpreter's affair; perl, for one, does not mind.
  package var hasCarriageReturn: Bool {
    interpreter.bytes.last == 13 || (isLookup && argument?.bytes.last == 13)
  }

  private var isLookup: Bool { interpreter.components.last?.string == "env" }

  /// What `#!/usr/bin/env NAME` and `#!/usr/bin/env -S NAME …` look up in PATH. Nil when they bring a PATH of their own.
  package var lookedUp: Path? {
    guard isLookup, let argument else { return nil }
    var words = argument.bytes.split(whereSeparator: { $0 == 32 || $0 == 9 || $0 == 13 })[...]
    while let word = words.popFirst() {
      if word.first == UInt8(ascii: "-") {
        // -SNAME is one word.
        if word.starts(with: "-S".utf8), word.count > 2 { return Path(bytes: word.dropFirst(2)) }
        if Self.optionsWithValue.contains(where: { word.elementsEqual($0.utf8) }) { words = words.dropFirst() }
        continue
      }
      if word.starts(with: "PATH=".utf8) { return nil }
      if word.contains(UInt8(ascii: "=")) { continue }
      return Path(bytes: word)
    }
    return nil
  }

  /// Options of env(1) whose value is a word of its own.
  private static let optionsWithValue = ["-u", "--unset", "-C", "--chdir"]
}
