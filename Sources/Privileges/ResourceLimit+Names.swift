package import Steps

extension ResourceLimit {
  /// The names after `RLIMIT_` by the kernel's numbers (asm-generic/resource.h; x86 and arm have no numbers of their own).
  package static let names = [
    "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING",
    "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
  ]

  /// `RLIMIT_NOFILE`, as the OCI specification has it; nil for an unknown name.
  package init?(name: String, soft: UInt64, hard: UInt64, isDefault: Bool = false) {
    guard name.hasPrefix("RLIMIT_"), let number = Self.names.firstIndex(of: String(name.dropFirst(7))) else {
      return nil
    }
    self.init(name: name, resource: Int32(number), soft: soft, hard: hard, isDefault: isDefault)
  }

  /// `nofile=1024:2048` of `--ulimit`: one number sets both; -1 or `unlimited` is no limit.
  package init(option text: String) throws(ResourceLimitError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { throw .malformed(text) }
    let values = parts[1].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard values.count <= 2 else { throw .malformed(text) }
    let soft = try Self.value(values[0], in: text)
    let hard = values.count == 2 ? try Self.value(values[1], in: text) : soft
    guard soft <= hard else { throw .softAboveHard(text) }
    guard let limit = ResourceLimit(name: "RLIMIT_" + parts[0].uppercased(), soft: soft, hard: hard) else {
      throw .unknown(parts[0])
    }
    self = limit
  }

  private static func value(_ text: String, in whole: String) throws(ResourceLimitError) -> UInt64 {
    if text == "-1" || text == "unlimited" { return .max }
    guard let first = text.utf8.first, first != UInt8(ascii: "+"), let value = Int64(text), value >= 0 else {
      throw .malformed(whole)
    }
    return UInt64(value)
  }
}

/// Why a `--ulimit` is refused.
package enum ResourceLimitError: Error, Hashable, Sendable {
  case malformed(String)
  case unknown(String)
  case softAboveHard(String)
}

extension ResourceLimitError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .malformed(let text): "invalid ulimit \"\(text)\": it is name=soft[:hard], such as nofile=1024:2048"
    case .unknown(let name):
      "unknown ulimit \"\(name)\": the names are \(ResourceLimit.names.map { $0.lowercased() }.joined(separator: ", "))"
    case .softAboveHard(let text): "ulimit \"\(text)\": the soft limit is above the hard limit"
    }
  }
}
