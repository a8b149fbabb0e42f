internal import Cgroups
package import RuntimeSpec
internal import Steps

extension Spec {
  /// Adds what an OCI runtime allows every container behind the configuration's own device rules (runtime-spec,
  /// config-linux.md, "Default Devices"; "Allowed Device list"). What no rule names stays forbidden, so a configuration without
  /// rules forbids all else.
  package mutating func allowDefaultDevices() {
    var linux = self.linux ?? Linux()
    var resources = linux.resources ?? Resources()
    // A configuration that makes a default device itself, with other numbers perhaps, has the word about it.
    let own = Set(linux.devices.map(\.path))
    let rules: [Steps.DeviceRule] = Steps.DeviceRule.standard + [.tunnel]
    resources.devices += rules.filter { !own.contains(Self.path(of: $0)) }.map { rule in
      Spec.DeviceRule(
        allow: true, type: rule.kind.rawValue, major: rule.major.map(Int64.init), minor: rule.minor.map(Int64.init),
        access: rule.access)
    }
    linux.resources = resources
    self.linux = linux
  }

  private static func path(of rule: Steps.DeviceRule) -> String {
    switch (rule.major, rule.minor) {
    case (1, 3): "/dev/null"
    case (1, 5): "/dev/zero"
    case (1, 7): "/dev/full"
    case (1, 8): "/dev/random"
    case (1, 9): "/dev/urandom"
    case (5, 0): "/dev/tty"
    default: ""
    }
  }
}

extension Steps.DeviceRule {
  /// /dev/net/tun: runc took it out of its list once, and too many containers that make the file themselves stood still.
  fileprivate static let tunnel = Self(allow: true, kind: .character, major: 10, minor: 200, access: "rwm")
}
