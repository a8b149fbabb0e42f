internal import Arguments

/// Columns as docker prints them: at least ten wide with three spaces between, the last one not padded.
struct Table {
  private var rows: [[Cell]]
  /// Of each column.
  private var minimum = 10

  /// A text and how many columns of a screen it takes.
  private struct Cell {
    var text: String
    var width: Int

    /// What is plain ASCII, as nearly all is, is counted by its bytes: a thousand rows have no time for more.
    init(_ text: String) {
      if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) {
        self.text = text
        width = text.utf8.count
      } else {
        // One line: a newline in it, as a command may have, would pass for another row.
        self.text = printableLine(text)
        width = screenWidth(self.text)
      }
    }
  }

  /// - Parameter headings: the first line; empty for none.
  init(_ headings: String...) { rows = headings.isEmpty ? [] : [headings.map { Cell($0) }] }

  /// - Parameter minimum: how wide each column is at least; `top` of docker has 20.
  init(minimum: Int) {
    rows = []
    self.minimum = minimum
  }

  mutating func add(_ cells: String...) { add(cells) }

  mutating func add(_ cells: [String]) { rows.append(cells.map { Cell($0) }) }

  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The text as it is written out: a list of five hundred is made into bytes once.
  var bytes: [UInt8] {
    var widths: [Int] = []
    var total = 0
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(minimum) }
        widths[column] = max(widths[column], cell.width + 3)
        total += cell.text.utf8.count
      }
    }
    let blanks = [UInt8](repeating: UInt8(ascii: " "), count: widths.max() ?? 0)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(total + rows.count * (widths.reduce(1, +)))
    for row in rows {
      for (column, cell) in row.enumerated() {
        bytes.append(contentsOf: cell.text.utf8)
        if column < row.count - 1 { bytes.append(contentsOf: blanks[..<(widths[column] - cell.width)]) }
      }
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }
}
