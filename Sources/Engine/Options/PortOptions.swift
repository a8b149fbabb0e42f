package import Networks
package import Kernel
internal import Steps

extension PortRequest {
  /// What one `-p` means: a range is as many ports as it has.
  ///
  /// - Parameter usual: the address of the host where the words have none; nil for all of them.
  package static func parse(_ text: String, usual: IPAddress? = nil) throws(OptionError) -> [PortRequest] {
    let (ports, transport) = try splitTransport(text[...]) { word in
      OptionError("\"\(word)\" is none of tcp, udp, sctp")
    }
    var rest = ports
    var address = usual
    // An address of IPv6 stands in brackets, for it has colons of its own.
    if ports.hasPrefix("[") {
      guard let end = ports.firstIndex(of: "]"), ports[end...].hasPrefix("]:"),
        let given = IPv6Address(ports[ports.index(after: ports.startIndex)..<end])
      else { throw OptionError("\"\(ports)\" begins with no IPv6 address in brackets, such as [::]:8080:80") }
      address = .v6(given)
      rest = ":" + ports[ports.index(end, offsetBy: 2)...]
    }
    let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count) else { throw OptionError("it has \(parts.count) parts") }
    guard let last = parts.last, let container = range(last) else {
      throw OptionError("\"\(parts.last ?? "")\" is no port of the container")
    }
    var host: ClosedRange<UInt16>?
    if parts.count > 1, !parts[parts.count - 2].isEmpty {
      guard let ports = range(parts[parts.count - 2]) else {
        throw OptionError("\"\(parts[parts.count - 2])\" is no port of the host")
      }
      host = ports
    }
    if parts.count == 3, !parts[0].isEmpty {
      guard let given = IPv4Address(parts[0]) else { throw OptionError("\"\(parts[0])\" is no IPv4 address") }
      address = .v4(given)
    }
    guard container.count > 1 else {
      return [PortRequest(transport, address: address, hostPorts: host, containerPort: container.lowerBound)]
    }
    if let host, host.count != container.count {
      throw OptionError("\(host.count) ports of the host do not fit \(container.count) of the container")
    }
    return container.map { port in
      let single = host.map { $0.lowerBound + (port - container.lowerBound) }
      return PortRequest(transport, address: address, hostPorts: single.map { $0...$0 }, containerPort: port)
    }
  }

  /// `--expose` and an image's ExposedPorts: `80`, `8000-8005/udp`.
  package static func parseExposed(_ text: String) throws(OptionError) -> [PortRequest] {
    let (ports, transport) = try splitTransport(text[...]) { word in
      OptionError("\"\(word)\" is none of tcp, udp, sctp")
    }
    guard let container = range(ports) else { throw OptionError("from 1 to 65535") }
    return container.map { PortRequest(transport, containerPort: $0) }
  }

  private static func splitTransport(
    _ text: Substring, _ refused: (Substring) -> OptionError
  ) throws(OptionError) -> (Substring, PortEntry.Transport) {
    guard let slash = text.firstIndex(of: "/") else { return (text, .tcp) }
    let word = text[text.index(after: slash)...]
    guard let transport = PortEntry.Transport(rawValue: word.lowercased()) else { throw refused(word) }
    return (text[..<slash], transport)
  }

  /// `80`, `8000-8010`; nil for anything else.
  private static func range(_ text: Substring) -> ClosedRange<UInt16>? {
    let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(number)
    guard let first = ends[0], let last = ends[ends.count - 1], first <= last else { return nil }
    return first...last
  }

  /// Digits alone: a sign or a space is no port.
  private static func number(_ text: Substring) -> UInt16? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(text), port > 0 else {
      return nil
    }
    return port
  }
}
