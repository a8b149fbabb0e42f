internal import Kernel

extension HostCheck {
  static let storeChecks = [
    HostCheck("store", writable), HostCheck("disk space", space), HostCheck("inodes", inodes),
    HostCheck("layer quotas", quotas),
  ]

  /// Few ask for it, so a host without is well.
  private static func quotas(_ facts: CheckedHost) -> HostFinding { .fine(facts.quotas().words) }

  private static let prune = "skiff system prune -a"

  private static func writable(_ facts: CheckedHost) -> HostFinding {
    guard let status = facts.space() else {
      return .broken("\(facts.store) cannot be looked at", cure: "ls -ld \(facts.store)")
    }
    return status.isReadOnly
      ? .broken(
        "\(facts.store) is on a file system that is mounted read-only", cure: "skiff --root DIRECTORY …, on another one"
      )
      : .fine(facts.store.string)
  }

  private static func space(_ facts: CheckedHost) -> HostFinding {
    guard let status = facts.space() else { return .fine("unknown") }
    let free = UInt64(status.availableBlocks) &* UInt64(status.blockSize)
    let text = "\(free >> 20) MiB free of \((UInt64(status.blocks) &* UInt64(status.blockSize)) >> 20)"
    if free < 16 << 20 { return .broken(text, cure: prune) }
    return free < 1 << 30 ? .warning(text, cure: prune) : .fine(text)
  }

  private static func inodes(_ facts: CheckedHost) -> HostFinding {
    guard let status = facts.space(), status.inodes > 0 else { return .fine("made when they are needed") }
    let text = "\(status.freeInodes) free of \(status.inodes)"
    if status.freeInodes < 100 { return .broken(text, cure: prune) }
    return status.freeInodes < 20_000 ? .warning(text, cure: prune) : .fine(text)
  }
}
