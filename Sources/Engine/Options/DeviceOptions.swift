internal import Arguments
package import Kernel

// What a container may do with devices, and how fast.

/// `--device-read-bps` and its like: `/dev/sda:1mb`.
package struct DeviceRateRequest: Hashable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    case readBytes = "device-read-bps"
    case writeBytes = "device-write-bps"
    case readOperations = "device-read-iops"
    case writeOperations = "device-write-iops"
    case weight = "blkio-weight-device"
  }
  package var kind: Kind
  package var device: Path
  /// Bytes or operations a second, or a weight of 10 to 1000; 0 is none.
  package var value: UInt64

  /// - Parameter kind: which option it is.
  package init(_ kind: Kind, _ text: String) throws(OptionError) {
    guard let colon = text.lastIndex(of: ":"), text.hasPrefix("/dev/") else {
      throw OptionError("expected DEVICE:\(kind == .weight ? "WEIGHT" : "RATE"), such as /dev/sda:\(kind.example)")
    }
    let number = String(text[text.index(after: colon)...])
    let value: UInt64?
    switch kind {
    case .readBytes, .writeBytes: value = parseBytes(number).map { UInt64($0) }
    case .readOperations, .writeOperations: value = number.first == "+" ? nil : UInt64(number)
    case .weight: value = UInt64(number).flatMap { $0 == 0 || (10...1000).contains($0) ? $0 : nil }
    }
    guard let value else {
      throw OptionError(
        kind == .weight
          ? "a weight is from 10 to 1000, or 0 to disable it" : "\"\(number)\" is no rate such as \(kind.example)")
    }
    self.kind = kind
    device = Path(String(text[..<colon])).lexicallyNormal
    self.value = value
  }
}

extension DeviceRateRequest.Kind {
  fileprivate var example: String {
    switch self {
    case .readBytes, .writeBytes: "1mb"
    case .readOperations, .writeOperations: "1000"
    case .weight: "200"
    }
  }
}

/// `--device-cgroup-rule`: `c 1:3 rwm`, with `a` for both kinds and `*` for any number.
package struct DeviceRuleRequest: Hashable, Sendable {
  package var kind: String
  /// Nil is any.
  package var major: UInt32?
  package var minor: UInt32?
  package var access: String

  package init(_ text: String) throws(OptionError) {
    let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    let numbers = words.count == 3 ? words[1].split(separator: ":", omittingEmptySubsequences: false) : []
    guard numbers.count == 2, ["a", "b", "c"].contains(words[0]), (1...3).contains(words[2].count),
      words[2].allSatisfy("rwm".contains), numbers.allSatisfy({ $0 == "*" || $0.first != "+" && UInt32($0) != nil })
    else { throw OptionError("expected TYPE MAJOR:MINOR ACCESS, such as 'c 1:3 rwm' or 'b 8:* r'") }
    kind = words[0]
    major = UInt32(numbers[0])
    minor = UInt32(numbers[1])
    access = words[2]
  }

  var text: String {
    func number(_ value: UInt32?) -> String { value.map(String.init) ?? "*" }
    return "\(kind) \(number(major)):\(number(minor)) \(access)"
  }
}
