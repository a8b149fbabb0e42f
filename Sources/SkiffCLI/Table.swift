/// Columns as docker prints them: at least ten wide with three spaces between, the last one not padded.
struct Table {
  private var rows: [[String]]

  /// - Parameter headings: the first line; empty for none.
  init(_ headings: String...) { rows = headings.isEmpty ? [] : [headings] }

  mutating func add(_ cells: String...) { add(cells) }

  /// A cell is one line: a newline in it, as a command may have, would pass for another row.
  mutating func add(_ cells: [String]) {
    rows.append(
      cells.map { printable($0).split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n") })
  }

  var text: String {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in
      max(10, (rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0) + 3)
    }
    var text = ""
    for row in rows {
      for (column, cell) in row.enumerated() {
        text += cell
        if column < row.count - 1 { text += String(repeating: " ", count: widths[column] - cell.count) }
      }
      text += "\n"
    }
    return text
  }
}
