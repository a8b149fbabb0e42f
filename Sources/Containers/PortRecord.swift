package import JSON

/// A port of the host that leads to one of the container.
package struct PortRecord: Hashable, Sendable {
  /// `tcp`, `udp`, `sctp`.
  package var transport: String
  /// Of the host; `0.0.0.0` or `::` for all of its addresses of that family.
  package var address: String
  package var hostPort: UInt16
  package var containerPort: UInt16

  package init(transport: String, address: String, hostPort: UInt16, containerPort: UInt16) {
    self.transport = transport
    self.address = address
    self.hostPort = hostPort
    self.containerPort = containerPort
  }

  /// `0.0.0.0:8080`, as docker's `port` prints it.
  package var hostEnd: String { "\(address.contains(":") ? "[\(address)]" : address):\(hostPort)" }
  /// `80/tcp`
  package var containerEnd: String { "\(containerPort)/\(transport)" }
}

extension PortRecord: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(transport: "", address: "", hostPort: 0, containerPort: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "transport": transport = try reader.string()
      case "address": address = try reader.string()
      case "hostPort": hostPort = try reader.integer()
      case "containerPort": containerPort = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("transport", transport)
      $0.member("address", address)
      $0.member("hostPort", hostPort)
      $0.member("containerPort", containerPort)
    }
  }
}
