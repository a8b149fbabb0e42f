/// Go's text templates, as people write them for `--format`: parsed once, then made into text for one value after another.
///
/// It may know JSON values and words; it may not know what they are about. A template is a stranger's: how deep it goes, how
/// many steps it takes and how much text it makes have bounds. Source: pkg.go.dev/text/template.
package import JSON

/// What is wrong with a template, and where: `1:14: there is no field ".Nam" here`.
package struct TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
  package var line: Int
  package var column: Int
  package var reason: String
  /// `did you mean .Name?`
  package var hint: String?

  package var description: String { "\(line):\(column): \(reason)" }
}

/// What a template is told about the values that it gets, which JSON does not say of them.
package struct TemplateContext: Sendable {
  /// Members whose value is a map of Go's rather than a struct: what they lack is `<no value>`, not a mistake.
  package var maps: Set<String> = []
  /// Members of structs that may be missing: nil then.
  package var optional: Set<String> = []
  /// Members that are null where they are an empty list.
  package var lists: Set<String> = []
  /// Methods with arguments, such as docker's `.Label "name"`; nil where there is nothing to say.
  package var methods: [String: @Sendable (JSONValue, [JSONValue]) -> JSONValue?] = [:]
  /// The values are headings of columns: docker's functions leave a heading as it is.
  package var isHeading = false
  /// What stands for a value's text where it is printed: a terminal, say, is not to be steered by it. Nil for the text as it
  /// is; the template's own words are its writer's.
  package var shown: (@Sendable (String) -> String)?

  package init() {}
}

/// A template that was understood.
package struct TextTemplate: Sendable {
  let body: [Node]
  let source: TemplateSource

  package init(_ text: String) throws(TemplateError) {
    source = TemplateSource(text)
    var parser = try TemplateParser(source)
    body = try parser.template()
  }

  package func text(_ value: JSONValue, _ context: TemplateContext = .init()) throws(TemplateError) -> String {
    var evaluation = Evaluation(root: value, context: context, source: source)
    try evaluation.run(body)
    return evaluation.output
  }
}

/// The text of a template, and where in it an offset is.
struct TemplateSource: Sendable {
  let scalars: [Unicode.Scalar]

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  func error(_ reason: String, at offset: Int, hint: String? = nil) -> TemplateError {
    let before = scalars[..<min(offset, scalars.count)]
    let line = before.count { $0 == "\n" } + 1
    let column = before.reversed().prefix { $0 != "\n" }.count + 1
    return TemplateError(line: line, column: column, reason: reason, hint: hint)
  }
}
