internal import Arguments
internal import Containers
internal import Engine

extension PortCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let word = arguments.positionals[0]
    let ports = try engine.publishedPorts(of: word)
    guard arguments.positionals.count > 1 else {
      return try printing { out in for port in ports { out.line("\(port.containerEnd) -> \(port.hostEnd)") } }
    }
    let asked = arguments.positionals[1]
    let end = asked.contains("/") ? asked : asked + "/tcp"
    let found = ports.filter { $0.containerEnd == end }
    guard !found.isEmpty else {
      let known = Set(ports.map(\.containerEnd)).sorted().joined(separator: ", ")
      throw Failure(
        .notFound, "no public port \"\(asked)\" published for \(word)",
        hint: known.isEmpty ? "it publishes none: run -p does" : "it publishes \(known)")
    }
    return try printing { out in for port in found { out.line(port.hostEnd) } }
  }
}
