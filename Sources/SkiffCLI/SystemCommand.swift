internal import Arguments

extension SystemCommand {
  static let entry = entry(diskUsage: SystemDiskUsage.perform, prune: SystemPrune.perform)
}
