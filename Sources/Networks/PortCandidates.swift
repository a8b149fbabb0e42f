internal import Kernel

/// Ports of the host that may be given out where nobody has asked for one, each once: those that the kernel gives to programs
/// which ask for any, from one by chance on, and behind them the others up to the last. In their order, so that the
/// thirty-thousandth costs what the first did; below are ports of services with names.
///
/// The kernel itself, asked thirty thousand times by sockets that are closed again, gives the same ones again and again: of a
/// range it takes every second port first (inet_csk_find_open_port).
package struct PortCandidates: Sendable {
  private let range: ClosedRange<UInt16>
  private let reserved: [ClosedRange<UInt16>]
  private let start: UInt16
  private var taken = 0

  package init() {
    let words = ((try? readText("/proc/sys/net/ipv4/ip_local_port_range", limit: 64)) ?? "")
      .split(whereSeparator: \.isWhitespace).compactMap { UInt16($0) }
    self.init(
      words.count == 2 && 0 < words[0] && words[0] <= words[1] ? words[0]...words[1] : 32_768...60_999,
      reserved: (try? readText("/proc/sys/net/ipv4/ip_local_reserved_ports", limit: 1 << 20)) ?? "")
  }

  /// - Parameter reserved: as `ip_local_reserved_ports` has them, `8080,9148-9150`.
  init(_ range: ClosedRange<UInt16>, reserved: String = "") {
    self.range = range
    start = UInt16.random(in: range)
    self.reserved = reserved.split { $0 == "," || $0.isWhitespace }.compactMap { word in
      let ends = word.split(separator: "-").compactMap { UInt16($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { return nil }
      return first...last
    }
  }

  /// Nil when all have been given out.
  package mutating func next() -> UInt16? {
    while taken < range.count + Int(UInt16.max - range.upperBound) {
      let place = taken
      taken += 1
      let port =
        place < range.count
        ? range.lowerBound + UInt16((Int(start - range.lowerBound) + place) % range.count)
        : UInt16(Int(range.upperBound) + 1 + place - range.count)
      if !reserved.contains(where: { $0.contains(port) }) { return port }
    }
    return nil
  }
}
