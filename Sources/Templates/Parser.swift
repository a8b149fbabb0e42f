internal import Arguments
internal import JSON

/// Puts the words of a template together.
struct TemplateParser {
  private let source: TemplateSource
  private let tokens: [Token]
  private var index = 0
  private var depth = 0
  /// Loops around what is read: `break` and `continue` stand in one.
  private var loops = 0
  /// Variables that may be named here, outermost first.
  private var variables = [""]

  /// Blocks and parentheses inside one another.
  private static let deepest = 100

  init(_ source: TemplateSource) throws(TemplateError) {
    self.source = source
    tokens = try Lexer.tokens(of: source)
  }

  private var next: Token { tokens[index] }

  private mutating func take() -> Token {
    defer { if index < tokens.count - 1 { index += 1 } }
    return tokens[index]
  }

  private mutating func takes(_ kind: Token.Kind) -> Bool {
    guard next.kind == kind else { return false }
    _ = take()
    return true
  }

  private mutating func close() throws(TemplateError) {
    guard takes(.close) else {
      throw source.error("unexpected \(words(next.kind)); here \"}}\" is to be", at: next.offset)
    }
  }

  private func words(_ kind: Token.Kind) -> String {
    switch kind {
    case .text: "text"
    case .open: "\"{{\""
    case .close: "\"}}\""
    case .identifier(let name): "\"\(name)\""
    case .field(let name): "\".\(name)\""
    case .dot: "\".\""
    case .variable(let name): "\"$\(name)\""
    case .literal(let value): value.jsonString()
    case .leftParenthesis: "\"(\""
    case .rightParenthesis: "\")\""
    case .pipe: "\"|\""
    case .declare: "\":=\""
    case .assign: "\"=\""
    case .comma: "\",\""
    case .end: "the end"
    }
  }

  mutating func template() throws(TemplateError) -> [Node] {
    let (nodes, stop) = try list(in: nil)
    if let stop { throw source.error("{{\(stop.word)}} without a block that it belongs to", at: stop.offset) }
    return nodes
  }

  private struct Stop {
    var word: String
    var offset: Int
  }

  /// Nodes up to `{{end}}` or `{{else`, whose first word is taken.
  private mutating func list(in block: Stop?) throws(TemplateError) -> ([Node], Stop?) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw source.error("blocks are nested too deep", at: next.offset) }
    let known = variables.count
    defer { variables.removeSubrange(known...) }
    var nodes: [Node] = []
    while true {
      let token = take()
      switch token.kind {
      case .text(let text): nodes.append(.text(text))
      case .open:
        if case .identifier(let word) = next.kind, word == "end" || word == "else" {
          let stop = Stop(word: word, offset: token.offset)
          _ = take()
          return (nodes, stop)
        }
        nodes.append(try action())
      default:
        if let block { throw source.error("{{\(block.word)}} has no {{end}}", at: block.offset) }
        return (nodes, nil)
      }
    }
  }

  private mutating func action() throws(TemplateError) -> Node {
    let start = next
    guard case .identifier(let word) = start.kind else { return try output() }
    switch word {
    case "if", "with", "range":
      _ = take()
      return try block(Stop(word: word, offset: start.offset))
    case "break", "continue":
      _ = take()
      try close()
      guard loops > 0 else { throw source.error("{{\(word)}} outside of {{range}}", at: start.offset) }
      return .leave(isBreak: word == "break")
    case "define", "template", "block":
      throw source.error("{{\(word)}} is not supported: a format is one template", at: start.offset)
    default: return try output()
    }
  }

  private mutating func output() throws(TemplateError) -> Node {
    let pipeline = try pipeline(maximumVariables: 1)
    try close()
    return .action(pipeline)
  }

  private mutating func block(_ opening: Stop) throws(TemplateError) -> Node {
    let known = variables.count
    defer { variables.removeSubrange(known...) }
    let isLoop = opening.word == "range"
    var branches: [Branch] = []
    var otherwise: [Node] = []
    let first = try pipeline(maximumVariables: isLoop ? 2 : 1)
    try close()
    if isLoop { loops += 1 }
    var (body, stop) = try list(in: opening)
    if isLoop { loops -= 1 }
    branches.append(Branch(pipeline: first, body: body))
    while stop?.word == "else" {
      if !isLoop, case .identifier(let word) = next.kind, word == opening.word {
        _ = take()
        let condition = try pipeline(maximumVariables: 1)
        try close()
        (body, stop) = try list(in: opening)
        branches.append(Branch(pipeline: condition, body: body))
        continue
      }
      try close()
      (otherwise, stop) = try list(in: opening)
      if let stop, stop.word == "else" { throw source.error("{{else}} after {{else}}", at: stop.offset) }
      break
    }
    try close()
    switch opening.word {
    case "range": return .range(first, branches[0].body, otherwise: otherwise)
    case "with": return .with(branches, otherwise: otherwise)
    default: return .condition(branches, otherwise: otherwise)
    }
  }

  // MARK: - Pipelines

  private mutating func pipeline(maximumVariables: Int) throws(TemplateError) -> Pipeline {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw source.error("parentheses are nested too deep", at: next.offset) }
    var pipeline = Pipeline(offset: next.offset)
    try declaration(of: &pipeline, maximum: maximumVariables)
    repeat { pipeline.commands.append(try command()) } while takes(.pipe)
    for call in pipeline.commands.dropFirst() {
      switch call.words[0].kind {
      case .literal, .dot, .missing:
        throw source.error("what follows \"|\" takes a value: a function or a field", at: call.offset)
      default: break
      }
    }
    if pipeline.isDeclaration { variables += pipeline.variables }
    return pipeline
  }

  private mutating func declaration(of pipeline: inout Pipeline, maximum: Int) throws(TemplateError) {
    let start = index
    var names: [String] = []
    while case .variable(let name) = next.kind, names.count < maximum {
      _ = take()
      names.append(name)
      if !takes(.comma) { break }
    }
    if !names.isEmpty, next.kind == .declare || next.kind == .assign {
      pipeline.isDeclaration = take().kind == .declare
      pipeline.variables = names
      for name in names where name.isEmpty || (!pipeline.isDeclaration && !variables.contains(name)) {
        throw source.error("there is no variable \"$\(name)\" to set", at: pipeline.offset)
      }
    } else {
      index = start
    }
  }

  private mutating func command() throws(TemplateError) -> Call {
    var words: [Word] = []
    while let word = try word() {
      if !words.isEmpty, !word.isApart, words.last.map({ $0.path.isEmpty }) ?? false {
        throw source.error(
          "a space is missing before \(self.words(tokens[max(0, index - 1)].kind))", at: word.word.offset)
      }
      words.append(word.word)
    }
    guard !words.isEmpty else {
      throw source.error(
        next.kind == .close ? "a value is missing" : "unexpected \(self.words(next.kind))", at: next.offset)
    }
    if words.count > 1 {
      switch words[0].kind {
      case .literal, .dot, .missing:
        throw source.error("a value takes no arguments: a function or a field does", at: words[0].offset)
      default: break
      }
    }
    return Call(words: words)
  }

  private mutating func word() throws(TemplateError) -> (word: Word, isApart: Bool)? {
    let token = next
    var word = Word(kind: .dot, offset: token.offset)
    switch token.kind {
    case .dot: break
    case .literal(let value): word.kind = .literal(value)
    case .field(let name):
      word.kind = .field
      word.path = [name]
    case .variable(let name):
      guard variables.contains(name) else {
        throw source.error(
          "there is no variable \"$\(name)\" here", at: token.offset,
          hint: nearest(to: name, in: variables.filter { !$0.isEmpty }).map { "did you mean $\($0)?" })
      }
      word.kind = .variable(name)
    case .identifier("nil"): word.kind = .missing
    case .identifier(let name):
      guard Functions.names.contains(name) else {
        throw source.error(
          "there is no function \"\(name)\"", at: token.offset,
          hint: nearest(to: name, in: Functions.names.sorted()).map { "did you mean \($0)?" }
            ?? "a field starts with a dot: .\(name)")
      }
      word.kind = .function(name)
    case .leftParenthesis:
      _ = take()
      word.kind = .pipeline(try pipeline(maximumVariables: 0))
      guard next.kind == .rightParenthesis else { throw source.error("\"(\" without \")\"", at: token.offset) }
    default: return nil
    }
    _ = take()
    while case .field(let name) = next.kind, !next.isApart {
      switch word.kind {
      case .literal, .function, .missing, .dot:
        throw source.error("\".\(name)\" follows what has no fields", at: next.offset)
      default: break
      }
      _ = take()
      word.path.append(name)
    }
    return (word, token.isApart)
  }
}
