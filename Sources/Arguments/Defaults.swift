/// What an option is to be where the command line does not say: a line of a configuration file.
package struct OptionDefault: Hashable, Sendable {
  package var name: String
  package var values: [String]

  package init(name: String, values: [String]) {
    self.name = name
    self.values = values
  }
}

extension ParsedArguments {
  /// Takes the values of options that have none yet. What was given on the command line counts alone, of an option that may be
  /// given again too.
  package mutating func adopt(_ defaults: [OptionDefault]) throws(UsageError) {
    var adopted: [(Option, String)] = []
    for entry in defaults {
      guard let option = command.options.first(where: { $0.name == entry.name }) else {
        let near = nearest(to: entry.name, in: command.options.filter { !$0.isHidden }.map(\.name))
        throw fail("it has no option \(entry.name)", suggestion: near.map { "did you mean \($0)?" })
      }
      if let refusal = option.refusal { throw fail("\(entry.name) is not done: \(refusal.reason)") }
      guard !isSet(option.name) else { continue }
      guard option.kind == .repeated || entry.values.count == 1 else {
        throw fail("\(entry.name) takes one value, not a list of \(entry.values.count)")
      }
      if option.kind == .flag, !["true", "false"].contains(entry.values[0]) {
        throw fail("\(entry.name) is true or false")
      }
      for value in entry.values { adopted.append((option, value)) }
    }
    for (option, value) in adopted { set(option, value) }
  }
}
