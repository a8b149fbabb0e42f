internal import Arguments
internal import JSON

/// A value on its way through a template.
struct Operand {
  var json: JSONValue
  /// An object that is a map in Go.
  var isMap = false
  /// What a map does not have: `<no value>`.
  var isMissing = false

  static let nothing = Operand(json: .null, isMissing: true)

  /// As `if` sees it: zero, empty and nil are false, a struct never is.
  var truth: Bool {
    switch json {
    case .null: false
    case .bool(let value): value
    case .number(.integer(let value)): value != 0
    case .number(.unsigned(let value)): value != 0
    case .number(.double(let value)): value != 0
    case .string(let text): !text.isEmpty
    case .array(let values): !values.isEmpty
    case .object(let object): !isMap || object.count > 0
    }
  }
}

extension Operand {
  /// Of a text, or of the texts in a list: what a template itself can make longer.
  fileprivate var textBytes: Int {
    switch json {
    case .string(let text): text.utf8.count
    case .array(let values): values.reduce(0) { $0 + ($1.string?.utf8.count ?? 1) }
    default: 0
    }
  }
}

/// One run of a template over one value.
struct Evaluation {
  private let root: JSONValue
  let context: TemplateContext
  private let source: TemplateSource
  private(set) var output = ""
  private var dot: Operand
  private var variables: [(name: String, value: Operand)]
  private var steps = 0
  /// Bytes of text that functions were given and have made.
  private var worked = 0

  /// Loops in loops over a long list would go on for hours.
  private static let mostSteps = 500_000
  /// Of what is printed, and of what one function makes.
  static let longestText = 16 << 20
  /// A variable that is doubled in a loop would fill the memory.
  private static let mostWork = 64 << 20

  init(root: JSONValue, context: TemplateContext, source: TemplateSource) {
    self.root = root
    self.context = context
    self.source = source
    dot = Operand(json: root)
    variables = [("", Operand(json: root))]
  }

  private enum Flow { case goesOn, leaves, continues }

  mutating func run(_ nodes: [Node]) throws(TemplateError) { _ = try perform(nodes) }

  private mutating func perform(_ nodes: [Node]) throws(TemplateError) -> Flow {
    let known = variables.count
    defer { variables.removeSubrange(known...) }
    for node in nodes {
      switch try perform(node) {
      case .goesOn: continue
      case .leaves: return .leaves
      case .continues: return .continues
      }
    }
    return .goesOn
  }

  private mutating func perform(_ node: Node) throws(TemplateError) -> Flow {
    switch node {
    case .text(let text): output += text
    case .action(let pipeline):
      let value = try evaluate(pipeline)
      if pipeline.variables.isEmpty {
        let text = context.printed(value)
        output += pipeline.isLiteral ? text : context.shown?(text) ?? text
      }
      guard output.utf8.count <= Self.longestText else {
        throw source.error("it makes more than \(Self.longestText >> 20) MB of text", at: pipeline.offset)
      }
    case .condition(let branches, let otherwise): return try choose(branches, otherwise, setsDot: false)
    case .with(let branches, let otherwise): return try choose(branches, otherwise, setsDot: true)
    case .range(let pipeline, let body, let otherwise): return try loop(pipeline, body, otherwise)
    case .leave(let isBreak): return isBreak ? .leaves : .continues
    }
    return .goesOn
  }

  private mutating func choose(
    _ branches: [Branch], _ otherwise: [Node], setsDot: Bool
  ) throws(TemplateError) -> Flow {
    let known = variables.count
    let outer = dot
    defer {
      variables.removeSubrange(known...)
      dot = outer
    }
    for branch in branches {
      let value = try evaluate(branch.pipeline)
      guard value.truth else { continue }
      if setsDot { dot = value }
      return try perform(branch.body)
    }
    return try perform(otherwise)
  }

  private mutating func loop(
    _ pipeline: Pipeline, _ body: [Node], _ otherwise: [Node]
  ) throws(TemplateError) -> Flow {
    let known = variables.count
    let outer = dot
    defer {
      variables.removeSubrange(known...)
      dot = outer
    }
    var loop = pipeline
    // Its variables are each turn's, not the list.
    loop.variables = []
    let list = try evaluate(loop)
    let pairs = try elements(of: list, at: pipeline.offset)
    if pairs.isEmpty { return try perform(otherwise) }
    for (key, value) in pairs {
      let names = pipeline.variables
      if pipeline.isDeclaration { variables.removeSubrange(known...) }
      for (name, operand) in zip(names, names.count == 2 ? [key, value] : [value]) {
        set(name, operand, isDeclaration: pipeline.isDeclaration)
      }
      dot = value
      // A turn is a step though nothing is in it.
      try step(at: pipeline.offset)
      if try perform(body) == .leaves { break }
    }
    return .goesOn
  }

  private mutating func elements(
    of list: Operand, at offset: Int
  ) throws(TemplateError) -> [(key: Operand, value: Operand)] {
    func index(_ number: Int) -> Operand { Operand(json: .number(.integer(Int64(number)))) }
    switch list.json {
    case .null: return []
    case .array(let values): return values.enumerated().map { (index($0), Operand(json: $1)) }
    case .object(let object):
      // In the order of the keys, as Go has it.
      return object.keys.sorted().map { (Operand(json: .string($0)), Operand(json: object[$0] ?? .null)) }
    case .number(.integer(let count)) where count <= Int64(Self.mostSteps):
      return (0..<max(0, Int(count))).map { (index($0), index($0)) }
    default: throw source.error("range goes over a list or a map, and this is \(Functions.kind(list))", at: offset)
    }
  }

  private mutating func set(_ name: String, _ value: Operand, isDeclaration: Bool) {
    if !isDeclaration, let index = variables.lastIndex(where: { $0.name == name }) {
      variables[index].value = value
    } else {
      variables.append((name, value))
    }
  }

  // MARK: - Values

  private mutating func evaluate(_ pipeline: Pipeline) throws(TemplateError) -> Operand {
    var value: Operand?
    for call in pipeline.commands { value = try evaluate(call, piped: value) }
    let result = value ?? .nothing
    for name in pipeline.variables { set(name, result, isDeclaration: pipeline.isDeclaration) }
    return result
  }

  private mutating func evaluate(_ call: Call, piped: Operand?) throws(TemplateError) -> Operand {
    try step(at: call.offset)
    let head = call.words[0]
    let rest = call.words.dropFirst()
    if case .function(let name) = head.kind { return try function(name, head, rest, piped) }
    guard !rest.isEmpty || piped != nil else { return try evaluate(head) }
    // Only a method takes arguments: docker's `.Label "name"`.
    if case .field = head.kind, head.path.count == 1, let method = context.methods[head.path[0]] {
      var arguments: [JSONValue] = []
      for word in rest { arguments.append(try evaluate(word).json) }
      if let piped { arguments.append(piped.json) }
      return method(dot.json, arguments).map { Operand(json: $0) } ?? .nothing
    }
    throw source.error("what is no function takes no arguments", at: head.offset)
  }

  private mutating func function(
    _ name: String, _ head: Word, _ rest: ArraySlice<Word>, _ piped: Operand?
  ) throws(TemplateError) -> Operand {
    // These two look at no more than they must.
    if name == "and" || name == "or" {
      var last: Operand?
      for word in rest {
        let value = try evaluate(word)
        if value.truth == (name == "or") { return value }
        last = value
      }
      guard let result = piped ?? last else { throw source.error("\(name) wants a value", at: head.offset) }
      return result
    }
    var arguments: [Operand] = []
    for word in rest { arguments.append(try evaluate(word)) }
    if let piped { arguments.append(piped) }
    for argument in arguments { try work(on: argument, at: head.offset) }
    do throws(FunctionError) {
      let result = try Functions.call(name, arguments, context)
      worked += result.textBytes
      return result
    } catch { throw source.error("\(name): \(error.reason)", at: head.offset) }
  }

  private mutating func step(at offset: Int) throws(TemplateError) {
    steps += 1
    guard steps <= Self.mostSteps else { throw source.error("it takes too many steps", at: offset) }
  }

  private mutating func work(on argument: Operand, at offset: Int) throws(TemplateError) {
    worked += argument.textBytes
    guard worked <= Self.mostWork else {
      throw source.error("it works on more than \(Self.mostWork >> 20) MB of text", at: offset)
    }
  }

  private mutating func evaluate(_ word: Word) throws(TemplateError) -> Operand {
    var value: Operand
    switch word.kind {
    case .dot, .field: value = dot
    case .literal(let json): value = Operand(json: json)
    case .missing: value = .nothing
    case .variable(let name): value = variables.last { $0.name == name }?.value ?? .nothing
    case .pipeline(let pipeline): value = try evaluate(pipeline)
    case .function(let name): return try function(name, word, [], nil)
    }
    for name in word.path { value = try field(name, of: value, at: word) }
    return value
  }

  private func field(_ name: String, of value: Operand, at word: Word) throws(TemplateError) -> Operand {
    guard case .object(let object) = value.json else {
      let what = value.json.isNull ? "nil" : Functions.kind(value)
      throw source.error("there is no field \".\(name)\" in \(what)", at: word.offset)
    }
    func operand(_ json: JSONValue, _ key: String) -> Operand {
      Operand(json: json.isNull && context.lists.contains(key) ? .array([]) : json, isMap: context.maps.contains(key))
    }
    if let found = object[name] { return operand(found, name) }
    // A field of Go's whose JSON has another name: `.Status` of "status".
    if !value.isMap, let key = object.keys.first(where: { Self.exported($0) == name || $0.uppercased() == name }),
      let found = object[key]
    {
      return operand(found, key)
    }
    if value.isMap { return .nothing }
    if context.optional.contains(name) { return Operand(json: .null) }
    if context.methods[name] != nil {
      throw source.error("\".\(name)\" wants an argument: .\(name) \"name\"", at: word.offset)
    }
    let near = nearest(to: name, in: object.keys) ?? object.keys.first { $0.lowercased() == name.lowercased() }
    let some = object.keys.prefix(20).map { "." + $0 }.joined(separator: " ")
    throw source.error(
      "there is no field \".\(word.path.joined(separator: "."))\" here", at: word.offset,
      hint: near.map { "did you mean .\($0)?" } ?? (some.isEmpty ? nil : "there are \(some)"))
  }

  private static func exported(_ key: String) -> String { key.prefix(1).uppercased() + key.dropFirst() }
}
