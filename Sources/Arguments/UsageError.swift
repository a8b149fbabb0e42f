/// Words that a command does not take: what is wrong, and what to do.
package struct UsageError: Error, Hashable, Sendable {
  /// The command that was called, all its words; empty for the program itself.
  package var command: String
  package var message: String
  /// `did you mean --name?`; nil where nothing is near.
  package var suggestion: String?

  package init(command: String, _ message: String, suggestion: String? = nil) {
    self.command = command
    self.message = message
    self.suggestion = suggestion
  }

  /// The line below the message: the suggestion, and where the help is.
  package func hint(program: String = "skiff") -> String {
    let call = command.isEmpty ? "\(program) --help" : "\(program) \(command) --help"
    guard let suggestion else { return "see '\(call)'" }
    return suggestion + (suggestion.hasSuffix("?") ? " " : "; ") + "see '\(call)'"
  }
}

extension UsageError: CustomStringConvertible {
  package var description: String { command.isEmpty ? message : "\(command): \(message)" }
}
