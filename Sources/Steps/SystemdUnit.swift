/// A unit of systemd that holds a container: a transient scope, whose group systemd makes (systemd.scope(5)).
package struct SystemdUnit: Hashable, Sendable {
  /// `docker-0123.scope`.
  package var name: String
  /// A user's own systemd, rather than the host's.
  package var isUser: Bool
  package var properties: [UnitProperty]

  package init(name: String, isUser: Bool, properties: [UnitProperty] = []) {
    self.name = name
    self.isUser = isUser
    self.properties = properties
  }
}

/// One property of a unit, as org.freedesktop.systemd1(5) types it.
package struct UnitProperty: Hashable, Sendable {
  package enum Value: Hashable, Sendable {
    case flag(Bool)
    case signed(Int32)
    /// The largest number is "infinity".
    case number(UInt64)
    case text(String)
    case texts([String])
    /// A set of processors or memory nodes, lowest first.
    case bits([UInt8])
    /// `/dev/char/1:3` or `char-*`, and letters of rwm.
    case devices([Device])
  }

  package struct Device: Hashable, Sendable {
    package var path: String
    package var access: String
    package init(_ path: String, _ access: String) {
      self.path = path
      self.access = access
    }
  }

  package var name: String
  package var value: Value
  /// The first version of systemd that knows it; an older one is not told, and the group's own files say the same.
  package var since: Int

  package init(_ name: String, _ value: Value, since: Int = 0) {
    self.name = name
    self.value = value
    self.since = since
  }
}

extension UnitProperty: CustomStringConvertible {
  /// As `systemd-run --property` takes it.
  package var description: String { "\(name)=\(value)" }
}

extension UnitProperty.Value: CustomStringConvertible {
  package var description: String {
    switch self {
    case .flag(let value): value ? "true" : "false"
    case .signed(let value): "\(value)"
    case .number(.max): "infinity"
    case .number(let value): "\(value)"
    case .text(let value): value
    case .texts(let values): values.joined(separator: " ")
    case .bits(let bytes):
      bytes.indices.flatMap { byte in
        (0..<8).filter { bytes[byte] & 1 << $0 != 0 }.map { "\(byte * 8 + $0)" }
      }.joined(separator: ",")
    case .devices(let devices): devices.map { "\($0.path) \($0.access)" }.joined(separator: ", ")
    }
  }
}
