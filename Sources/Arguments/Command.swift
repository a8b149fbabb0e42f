/// The words that a command understands.
package struct Command: Sendable {
  /// A call to learn from.
  package struct Example: Sendable {
    package var call: String
    package var meaning: String
    package init(_ call: String, _ meaning: String) {
      self.call = call
      self.meaning = meaning
    }
  }

  /// All words of it: `network create`.
  package var name: String
  package var summary: String
  /// What follows the name, one line a form: `[OPTIONS] IMAGE [COMMAND] [ARG...]`.
  package var usage: [String]
  /// Paragraphs of the help and the man page, beyond the summary.
  package var discussion: [String]
  package var options: [Option]
  package var positionals: Positionals
  /// All words after the first positional are the container's: `run IMAGE ls -l`.
  package var stopsAtFirstPositional: Bool
  package var examples: [Example]
  /// What to do instead of a flag that the command does not have, where people are used to one: `kill -9`.
  package var unknownFlagHint: String?
  /// The program that the command belongs to, as its errors name it.
  package var program = "skiff"
  /// Long names may have one dash, as Go's flag package takes them: `-root DIR`. There are no clusters of letters then
  /// that would be a name.
  package var takesOneDash = false

  package init(
    _ name: String, summary: String, usage: [String], discussion: [String] = [], options: [Option] = [],
    positionals: Positionals = .none, stopsAtFirstPositional: Bool = false, examples: [Example] = []
  ) {
    self.name = name
    self.summary = summary
    self.usage = usage
    self.discussion = discussion
    self.options = options
    self.positionals = positionals
    self.stopsAtFirstPositional = stopsAtFirstPositional
    self.examples = examples
  }

  /// `--help` as every command has it.
  package static let helpOption = Option("help", help: "Print this help and exit")

  /// The options of the table and `--help`, which is in no table.
  package var allOptions: [Option] { options.contains { $0.name == "help" } ? options : options + [Command.helpOption] }
}

/// A command as the program's table has it. What it takes is built when it is named, so that a start pays for one
/// command.
package struct CommandEntry: Sendable {
  package enum Action: Sendable {
    /// Takes the parsed words and answers with the exit code.
    case run(syntax: @Sendable () -> Command, @Sendable (ParsedArguments) throws -> Int32)
    /// Words of the next level: `network` → `create`, `ls`, …
    case commands(@Sendable () -> [CommandEntry])
    /// One of docker's that is not done: naming it is an error that says why.
    case refused(Refusal)
  }

  /// One word.
  package var name: String
  package var aliases: [String]
  package var summary: String
  /// The heading it stands under in the program's help.
  package var group: String
  package var isHidden: Bool
  /// The exit code of a failure that names none: docker has 125 where a container's own code must be told from ours.
  package var failureCode: Int32
  package var action: Action

  package init(
    _ name: String, aliases: [String] = [], summary: String, group: String = "", isHidden: Bool = false,
    failureCode: Int32 = 1, _ action: Action
  ) {
    self.name = name
    self.aliases = aliases
    self.summary = summary
    self.group = group
    self.isHidden = isHidden
    self.failureCode = failureCode
    self.action = action
  }

  /// A command that people know from docker and that is refused by name.
  package static func refused(_ name: String, because reason: String, instead cure: String? = nil) -> CommandEntry {
    CommandEntry(name, summary: "", isHidden: true, .refused(Refusal(reason, instead: cure)))
  }

  package func answers(to word: String) -> Bool { name == word || aliases.contains(word) }
}
