internal import Arguments
internal import Engine

/// The networks as a picture: this host above, a band for each network, its containers as boxes with their ports.
struct NetworkSVG {
  private let picture: NetworkPicture
  private let width = 880
  private let box = (width: 200, gap: 12, line: 16)

  init(_ picture: NetworkPicture) { self.picture = picture }

  var text: String {
    var body = ""
    let head = 52 + max(1, picture.links.count) * box.line
    body += rectangle(20, 20, width - 40, head - 20, "host") + label(34, 42, "this host", "title")
    for (index, link) in picture.links.enumerated() {
      body += label(34, 62 + index * box.line, "\(link.name)  \(link.addresses.joined(separator: "  "))", "small")
    }
    var top = head + 30
    for network in picture.networks {
      let facts =
        "\(network.bridge)  \(network.gateway)" + (network.isInternal ? "  internal: no way in or out" : "")
        + (network.isUp ? "" : "  (no bridge now)")
      top = band(network.name, facts, network.places, isApart: network.isInternal, at: top, &body)
    }
    for other in picture.others {
      let places = other.names.map { NetworkPicture.Place(name: $0, addresses: [], ports: []) }
      top = band(other.mode, "", places, isApart: other.mode == "none", at: top, &body)
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(top)" viewBox="0 0 \(width) \(top)" \
      font-family="sans-serif">
      <style>
        rect { fill: #fff; stroke: #456; rx: 6px } .host { fill: #eef3f8 } .band { fill: #f7f7f2 }
        .inside { stroke-dasharray: 6 4 } text { font-size: 13px; fill: #123 } .title { font-weight: bold; font-size: 15px }
        .small { font-size: 12px; fill: #345 } .port { font-size: 12px; fill: #064 } line { stroke: #456; stroke-width: 2 }
      </style>
      <rect width="100%" height="100%" style="stroke: none; rx: 0"/>
      \(body)</svg>

      """
  }

  private func band(
    _ name: String, _ facts: String, _ places: [NetworkPicture.Place], isApart: Bool, at top: Int,
    _ body: inout String
  ) -> Int {
    let columns = (width - 40 - box.gap) / (box.width + box.gap)
    var drawn = ""
    var y = top + 40
    for start in stride(from: 0, to: places.count, by: columns) {
      let row = places[start..<min(start + columns, places.count)]
      let lines = row.map { 1 + $0.addresses.count + $0.ports.count }.max() ?? 1
      let height = 14 + lines * box.line
      for (index, place) in row.enumerated() {
        let x = 20 + box.gap + index * (box.width + box.gap)
        drawn += rectangle(x, y, box.width, height, "place") + label(x + 10, y + 20, place.name, "")
        let details = place.addresses.map { ($0, "small") } + place.ports.map { ($0, "port") }
        for (number, detail) in details.enumerated() {
          drawn += label(x + 10, y + 20 + (number + 1) * box.line, detail.0, detail.1)
        }
      }
      y += height + box.gap
    }
    // A network with a way out hangs on the host.
    if !isApart { body += "<line x1=\"\(width / 2)\" y1=\"\(top - 30)\" x2=\"\(width / 2)\" y2=\"\(top)\"/>\n" }
    body += rectangle(20, top, width - 40, y - top, isApart ? "band inside" : "band")
    body += label(34, top + 24, facts.isEmpty ? name : "\(name)  ", "title")
    body += label(60 + 9 * name.count, top + 24, facts, "small")
    body += drawn
    return y + 30
  }

  private func rectangle(_ x: Int, _ y: Int, _ width: Int, _ height: Int, _ kind: String) -> String {
    "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" class=\"\(kind)\"/>\n"
  }

  private func label(_ x: Int, _ y: Int, _ words: String, _ kind: String) -> String {
    words.isEmpty ? "" : "<text x=\"\(x)\" y=\"\(y)\" class=\"\(kind)\">\(escaped(words))</text>\n"
  }

  /// Names are people's, and a picture is opened by a browser.
  private func escaped(_ text: String) -> String {
    let short = text.count > 60 ? text.prefix(59) + "…" : text[...]
    let line = String(printable(String(short)).map { $0 == "\n" ? " " : $0 })
    return line.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }
}
