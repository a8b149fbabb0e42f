internal import Arguments
internal import Engine
internal import Kernel
internal import Networks

/// `skiff net explain CONTAINER|PORT`
enum NetExplain {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let word = arguments.positionals[0]
    // Of the host, which an ordinary user's process leaves for the networks.
    let program = UInt16(word).flatMap { engine.networks.listener(onPort: $0) }
    try engine.enterNetworks()
    return try printing { out in
      if let port = UInt16(word), port > 0, (try? engine.reach(of: word)) == nil {
        try explain(port, program, engine, &out)
      } else {
        for reach in try engine.reach(of: word) { out.print(text(reach, columns: out.columns, out.colours)) }
      }
    }
  }

  /// - Parameter program: who listens there.
  private static func explain(_ port: UInt16, _ program: String?, _ engine: Engine, _ out: inout Output) throws {
    let owners = try engine.owners(ofPort: port)
    for owner in owners {
      for reach in try engine.reach(of: owner.name, port: owner.port) {
        out.print(text(reach, columns: out.columns, out.colours))
      }
    }
    guard owners.isEmpty else { return }
    if let program {
      out.line("port \(port) of this host is no container's: \(program), listens there")
    } else {
      out.line("port \(port) of this host is nobody's: no container publishes it and no program listens there")
    }
  }

  static func text(_ reach: ContainerReach, columns: Int, _ colours: Colours) -> String {
    var text = "\(colours.bold)\(printable(reach.title))\(colours.plain)\n"
    let names = max(16, 1 + (reach.parts.flatMap(\.lines).map(\.who.count).max() ?? 0))
    for part in reach.parts {
      text += "  \(printable(part.title))\n"
      var who = ""
      for line in part.lines {
        let (colour, answer) =
          switch line.answer {
          case .yes: (colours.green, "yes ")
          case .no: (colours.red, "no  ")
          case .some: (colours.yellow, "some")
          }
        let name = line.who == who ? "" : line.who
        who = line.who
        let gap = String(repeating: " ", count: max(1, names - name.count))
        text += "    \(name)\(gap)\(colour)\(answer)\(colours.plain)  "
        text += wrapped(printable(line.why), indent: names + 10, columns: columns) + "\n"
      }
    }
    for note in reach.notes { text += "  " + wrapped(note, indent: 2, columns: columns) + "\n" }
    return text
  }

  /// What follows a cure is a command line: it is never broken.
  static func wrapped(_ words: String, indent: Int, columns: Int) -> String {
    let parts = words.split(separator: "; to open it: ", maxSplits: 1).map(String.init)
    var lines: [String] = []
    var line = ""
    for word in (parts.count > 1 ? parts[0] + "; to open it:" : words).split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > columns {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    lines.append(line)
    if parts.count > 1 { lines.append(parts[1]) }
    return lines.joined(separator: "\n" + String(repeating: " ", count: indent))
  }
}
