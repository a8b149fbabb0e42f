internal import RuntimeSpec

/// SECCOMP_FILTER_FLAG_* (linux/seccomp.h).
package struct FilterFlags: OptionSet, Hashable, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  static let log = Self(rawValue: 1 << 1)
  static let speculationAllowed = Self(rawValue: 1 << 2)
  package static let newListener = Self(rawValue: 1 << 3)
  /// Linux 5.19. The kernel takes it together with a listener only.
  static let waitKillable = Self(rawValue: 1 << 5)

  /// What a profile can ask for.
  package static let named: [(name: String, flag: FilterFlags)] = [
    // The process has one thread when the filter is loaded, so there is nothing to synchronise.
    ("SECCOMP_FILTER_FLAG_TSYNC", []),
    ("SECCOMP_FILTER_FLAG_LOG", .log),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", .speculationAllowed),
    ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", .waitKillable),
  ]

  /// A profile that does not say gets SPEC_ALLOW, as from runc: the program then keeps the processor's speculation as it
  /// was. Flags of a listener count only where there is one.
  init(of profile: Spec.Seccomp) throws(SeccompError) {
    self = profile.flags == nil ? .speculationAllowed : []
    for (index, name) in (profile.flags ?? []).enumerated() {
      guard let known = Self.named.first(where: { $0.name == name }) else {
        throw SeccompError("flags[\(index)]", .unknownFlag(name))
      }
      formUnion(known.flag)
    }
    if profile.defaultAction == .notify { throw SeccompError("defaultAction", .notifyByDefault) }
    if profile.listenerMetadata != nil, profile.listenerPath == nil {
      throw SeccompError("listenerMetadata", .metadataWithoutListener)
    }
    if profile.syscalls.contains(where: { $0.action == .notify }) {
      if profile.listenerPath == nil { throw SeccompError("listenerPath", .noListener) }
      insert(.newListener)
    } else {
      remove(.waitKillable)
    }
  }
}
