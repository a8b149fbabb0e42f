package import JSON
internal import Kernel
internal import Mounts
internal import Planning
internal import RuntimeSpec
internal import Seccomp
internal import Steps

/// What this runtime understands (features.md and features-linux.md of the runtime specification), read out of the tables
/// that its parsers read. "The content of the feature document SHOULD be determined on the compilation time of the runtime":
/// nothing here asks the host.
package struct Features: Sendable {
  package init() {}

  /// Parts of the specification of which the runtime has either all or nothing.
  static let hasSystemdCgroups = true
  static let hasAppArmor = true
  static let hasSELinux = true
  static let hasIntelRdt = true
  static let hasNetDevices = true

  /// Read from the configuration, and able to break out of what it describes.
  static let unsafeAnnotations = ["bundle", "org.systemd.property.", "org.criu.config"]

  static let hooks = HookCall.Point.allCases.map(\.rawValue)

  /// Of the words that mount(8) and the specification have, those that do not go to the file system as its own.
  static let mountOptions = mountWords.filter {
    ofEveryFileSystem.contains($0) || MountOptions([$0]).data.isEmpty
  }.sorted()

  /// Flags of mount(2) that belong to a file system, whatever its kind.
  private static let ofEveryFileSystem: Set = ["dirsync", "lazytime", "sync"]

  private static let mountWords: [String] = {
    let attributes = [
      "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "noatime", "atime", "nodiratime", "diratime",
      "relatime", "norelatime", "strictatime", "nostrictatime", "nosymfollow", "symfollow",
    ]
    let propagation = ["private", "slave", "shared", "unbindable"]
    return attributes + attributes.map { "r" + $0 } + propagation + propagation.map { "r" + $0 }
      + [
        "acl", "async", "bind", "defaults", "dirsync", "idmap", "iversion", "lazytime", "loud", "mand", "noacl",
        "noiversion", "nolazytime", "nomand", "rbind", "remount", "ridmap", "silent", "sync", "tmpcopyup",
      ]
  }()
}

extension Features: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("ociVersionMin", "1.0.0")
      $0.member("ociVersionMax", Spec.version)
      $0.member("hooks", Self.hooks)
      $0.member("mountOptions", Self.mountOptions)
      $0.member("linux", LinuxFeatures())
      $0.member("potentiallyUnsafeConfigAnnotations", Self.unsafeAnnotations)
    }
  }
}

private struct LinuxFeatures: JSONWritable {
  func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("namespaces", Spec.NamespaceType.allCases.map(\.rawValue).sorted())
      $0.member("capabilities", CapabilitySet.allNames)
      $0.object(named: "cgroup") {
        $0.member("v1", true)
        $0.member("v2", true)
        $0.member("systemd", Features.hasSystemdCgroups)
        $0.member("systemdUser", Features.hasSystemdCgroups)
        $0.member("rdma", true)
      }
      $0.object(named: "seccomp") {
        $0.member("enabled", true)
        $0.member("actions", Spec.SeccompAction.allCases.map(\.rawValue).sorted())
        $0.member("operators", Spec.SeccompOperator.allCases.map(\.rawValue).sorted())
        $0.member("archs", seccompArchitectures.sorted())
        $0.member("knownFlags", seccompFlags)
        $0.member("supportedFlags", seccompFlags)
      }
      $0.enabled("apparmor", Features.hasAppArmor)
      $0.enabled("selinux", Features.hasSELinux)
      $0.object(named: "intelRdt") {
        $0.member("enabled", Features.hasIntelRdt)
        if Features.hasIntelRdt {
          $0.member("schemata", true)
          $0.member("monitoring", true)
        }
      }
      $0.object(named: "memoryPolicy") {
        $0.member("modes", memoryPolicyModes)
        $0.member("flags", memoryPolicyFlags)
      }
      $0.object(named: "mountExtensions") { $0.enabled("idmap", Features.mountOptions.contains("idmap")) }
      $0.enabled("netDevices", Features.hasNetDevices)
    }
  }
}

extension JSONWriter {
  fileprivate mutating func object(named name: String, _ members: (inout JSONWriter) -> Void) {
    key(name)
    object(members)
  }

  fileprivate mutating func enabled(_ name: String, _ isOn: Bool) {
    object(named: name) { $0.member("enabled", isOn) }
  }
}
