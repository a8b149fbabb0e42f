package import Kernel

/// Writes lines as docker's `logs` shows them, many at a time. What the container wrote to standard error goes there.
package struct LogPrinter: ~Copyable {
  private let showsTimes: Bool
  private let showsDetails: Bool
  private var waiting: [UInt8] = []
  private var stream = LogStream.output

  private static let limit = 256 << 10

  package init(showsTimes: Bool = false, showsDetails: Bool = false) {
    self.showsTimes = showsTimes
    self.showsDetails = showsDetails
    waiting.reserveCapacity(Self.limit + LogFile.longestPart * 2)
  }

  package mutating func take(_ line: borrowing LogLine) throws(Fault) {
    // Lines of the two streams keep their order.
    if line.stream != stream || waiting.count >= Self.limit {
      try flush()
      stream = line.stream
    }
    if showsTimes {
      line.appendTime(to: &waiting)
      waiting.append(UInt8(ascii: " "))
    }
    if showsDetails {
      for (index, detail) in line.details.enumerated() {
        if index > 0 { waiting.append(UInt8(ascii: ",")) }
        Self.escape(detail.name, into: &waiting)
        waiting.append(UInt8(ascii: "="))
        Self.escape(detail.value, into: &waiting)
      }
      waiting.append(UInt8(ascii: " "))
    }
    line.appendText(to: &waiting)
  }

  package mutating func flush() throws(Fault) {
    if waiting.isEmpty { return }
    try (stream == .errors ? BorrowedDescriptor.standardError : .standardOutput).write(waiting)
    waiting.removeAll(keepingCapacity: true)
  }

  /// As in the query of an address (Go's url.QueryEscape), so that no value can be mistaken for two.
  private static func escape(_ text: String, into bytes: inout [UInt8]) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        bytes.append(byte)
      case UInt8(ascii: " "): bytes.append(UInt8(ascii: "+"))
      default:
        let digits = Array("0123456789ABCDEF".utf8)
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
  }
}
