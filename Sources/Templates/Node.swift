internal import JSON

/// A part of a template.
indirect enum Node: Sendable {
  case text(String)
  /// `{{PIPELINE}}`; an assignment prints nothing.
  case action(Pipeline)
  case condition([Branch], otherwise: [Node])
  /// `{{range}}`; with two variables the first is the index or key.
  case range(Pipeline, [Node], otherwise: [Node])
  case with([Branch], otherwise: [Node])
  case leave(isBreak: Bool)
}

/// The pipeline of an `if`, `else if`, `with` or `else with`, and what it leads to.
struct Branch: Sendable {
  var pipeline: Pipeline
  var body: [Node]
}

/// `$x := a b | c`
struct Pipeline: Sendable {
  var variables: [String] = []
  /// `:=` makes new variables, `=` changes what is there.
  var isDeclaration = false
  var commands: [Call] = []
  var offset: Int

  /// A word of the template's own, `{{"text"}}`.
  var isLiteral: Bool {
    guard commands.count == 1, commands[0].words.count == 1, case .literal = commands[0].words[0].kind else {
      return false
    }
    return true
  }
}

/// A command of a pipeline: a function, field or method with its arguments, or a value alone.
struct Call: Sendable {
  var words: [Word]
  var offset: Int { words.first?.offset ?? 0 }
}

struct Word: Sendable {
  indirect enum Kind: Sendable {
    case dot
    case literal(JSONValue)
    case missing
    case field
    case variable(String)
    case function(String)
    case pipeline(Pipeline)
  }
  var kind: Kind
  /// Names after it: `.a.b`, `$x.a`, `(…).a`.
  var path: [String] = []
  var offset: Int
}
