/// One option of a command: the row that the parser, the help, the completions and the man page all read.
package struct Option: Sendable {
  /// What follows the name.
  package enum Kind: Hashable, Sendable {
    /// Nothing: `--rm`; `--rm=false` takes it back.
    case flag
    /// `--name web`, `--name=web`, `-mx`; the last one counts.
    case value
    /// As `value`, and each one counts: `-e A=1 -e B=2`.
    case repeated
    /// `--explain` or `--explain=shell`, never the next word; `given` is the value when the name stands alone.
    case optionalValue(given: String)
  }

  /// What a shell offers for a value or a positional.
  package enum Completion: Hashable, Sendable {
    case nothing, files, directories, containers, images, networks, volumes, commands
    case words([String])
  }

  /// Without the dashes.
  package var name: String
  /// The letter of the short form.
  package var short: Character?
  package var kind: Kind
  /// What the help calls the value: `bytes`, `list`.
  package var valueName: String
  package var help: String
  /// What holds when it is not given, for the help; empty is not worth a word.
  package var initial: String
  /// The heading it stands under in the help; empty is `Options`.
  package var group: String
  package var completion: Completion
  /// Works, but help and completions are silent about it.
  package var isHidden: Bool
  /// Known and not done: giving it is an error that says why.
  package var refusal: Refusal?

  package init(
    _ name: String, short: Character? = nil, _ kind: Kind = .flag, value valueName: String = "string",
    help: String, initial: String = "", group: String = "", completion: Completion = .nothing, isHidden: Bool = false
  ) {
    self.name = name
    self.short = short
    self.kind = kind
    self.valueName = valueName
    self.help = help
    self.initial = initial
    self.group = group
    self.completion = completion
    self.isHidden = isHidden
  }

  /// `-m, --memory` as an error and the help show it.
  package var shown: String { short.map { "-\($0), --\(name)" } ?? "--\(name)" }

  package var takesValue: Bool { kind == .value || kind == .repeated }
}

extension Option {
  /// A flag that people know from docker and that is refused by name, which an unknown one is not.
  package static func refused(
    _ name: String, short: Character? = nil, _ kind: Kind = .value, because reason: String, instead cure: String? = nil
  ) -> Option {
    var option = Option(name, short: short, kind, help: "", isHidden: true)
    option.refusal = Refusal(reason, instead: cure)
    return option
  }
}

/// Why a word that people know from docker is not taken, and what to do instead.
package struct Refusal: Hashable, Sendable {
  package var reason: String
  package var cure: String?

  package init(_ reason: String, instead cure: String? = nil) {
    self.reason = reason
    self.cure = cure
  }

  func error(of word: String, in command: String) -> UsageError {
    UsageError(command: command, "\(word) is refused: \(reason)", suggestion: cure)
  }
}

/// The words of a command that are no options.
package struct Positionals: Sendable {
  package var minimum: Int
  /// Nil is no limit.
  package var maximum: Int?
  /// What a shell offers: for the first, and for all after it.
  package var first: Option.Completion
  package var rest: Option.Completion

  package init(_ minimum: Int, _ maximum: Int?, first: Option.Completion = .nothing, rest: Option.Completion = .nothing)
  {
    self.minimum = minimum
    self.maximum = maximum
    self.first = first
    self.rest = rest
  }

  package static let none = Positionals(0, 0)
  package static func exactly(_ count: Int, _ completion: Option.Completion = .nothing) -> Positionals {
    Positionals(count, count, first: completion, rest: completion)
  }
  package static func atLeast(_ count: Int, _ completion: Option.Completion = .nothing) -> Positionals {
    Positionals(count, nil, first: completion, rest: completion)
  }
}
