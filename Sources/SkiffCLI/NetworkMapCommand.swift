internal import Arguments
internal import Engine
internal import Kernel

/// `skiff network map`
enum NetworkMap {
  static let perform: Perform = { arguments in
    let picture = try arguments.networkEngine.networkPicture()
    guard let file = arguments.string("svg") else {
      return try printing { out in
        out.print(NetworkDrawing(isPlain: !(out.colours.isOn && hasUnicode), colours: out.colours).text(picture))
      }
    }
    let bytes = Array(NetworkSVG(picture).text.utf8)
    guard file != "-" else { return try printing { $0.print(bytes: bytes) } }
    do throws(Fault) { try replaceFile(Path(file), with: bytes, durable: false) } catch {
      throw Failure("cannot write the map to \(file)", error)
    }
    return 0
  }

  /// As setlocale(3) looks for it.
  private static var hasUnicode: Bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment($0) }.first { !$0.isEmpty } ?? ""
    let name = locale.lowercased()
    return name.contains("utf-8") || name.contains("utf8")
  }
}

/// The networks as a tree of lines.
struct NetworkDrawing {
  /// Nothing but ASCII.
  var isPlain: Bool
  var colours: Colours

  private var branch: String { isPlain ? "|-- " : "├── " }
  private var last: String { isPlain ? "`-- " : "└── " }
  private var line: String { isPlain ? "|   " : "│   " }
  private var arrow: String { isPlain ? "->" : "→" }

  func text(_ picture: NetworkPicture) -> String {
    var text = "\(colours.bold)this host\(colours.plain)\n"
    for link in picture.links {
      text += "\(line)\(printable(link.name))  \(link.addresses.joined(separator: "  "))\n"
    }
    text += line.trimmingEnd + "\n"
    let count = picture.networks.count + picture.others.count
    for (index, network) in picture.networks.enumerated() {
      let isLast = index == count - 1
      var words = "\(colours.cyan)\(network.name)\(colours.plain)  \(network.bridge)  \(network.gateway)"
      if network.isInternal { words += "  internal: no way in or out" }
      if !network.isUp { words += "  (no bridge now)" }
      text += (isLast ? last : branch) + words + "\n"
      text += places(network.places, indent: isLast ? "    " : line)
    }
    for (index, other) in picture.others.enumerated() {
      let isLast = picture.networks.count + index == count - 1
      let meaning = other.mode == "host" ? "host: this host's own network" : other.mode
      text += (isLast ? last : branch) + "\(colours.cyan)\(printable(meaning))\(colours.plain)\n"
      text += places(
        other.names.map { .init(name: $0, addresses: [], ports: []) }, indent: isLast ? "    " : line)
    }
    if count == 0 { text += "\(last)no network yet: the first container makes one\n" }
    return text
  }

  private func places(_ places: [NetworkPicture.Place], indent: String) -> String {
    if places.isEmpty { return indent + last + "nobody\n" }
    let names = min(24, places.map { screenWidth(printable($0.name)) }.max() ?? 0)
    let addresses = places.map { $0.addresses.joined(separator: " ").count }.max() ?? 0
    var text = ""
    for (index, place) in places.enumerated() {
      let isLast = index == places.count - 1
      var words = padded(printable(place.name), names)
      if addresses > 0 { words += "  " + padded(place.addresses.joined(separator: " "), addresses) }
      let ports = place.ports.map { $0.replacing("->", with: arrow) }
      let room = max(20, 80 - indent.count - 4 - names - addresses - 4)
      let rows = wrapped(ports, room)
      text += (indent + (isLast ? last : branch) + words + (rows.first.map { "  " + $0 } ?? "")).trimmingEnd + "\n"
      let under = indent + (isLast ? "    " : line) + String(repeating: " ", count: names + addresses + 4)
      for row in rows.dropFirst() { text += under + row + "\n" }
    }
    return text
  }

  private func wrapped(_ ports: [String], _ room: Int) -> [String] {
    var rows: [String] = []
    for port in ports {
      if let row = rows.last, row.count + 2 + port.count <= room {
        rows[rows.count - 1] = row + ", " + port
      } else {
        rows.append(port)
      }
    }
    return rows
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - screenWidth(text)))
  }
}

extension String {
  fileprivate var trimmingEnd: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
