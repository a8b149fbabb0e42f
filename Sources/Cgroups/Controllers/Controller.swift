internal import Kernel
internal import Steps

/// One controller of the kernel: which part of the resources is its business, and the writes that say it.
///
/// One conforming type a file. None of them touches the kernel: what a group holds now comes from `group.current`.
protocol Controller: SendableMetatype {
  /// Its name among the v1 controllers.
  static var nameInV1: String { get }
  /// Its name in `cgroup.controllers`; empty where v2 has it in the core, nil where v2 does not have it.
  static var nameInV2: String? { get }
  /// What in the resources needs this controller, as a person would say it; nil when nothing does.
  static func purpose(in resources: Resources) -> String?
  /// The steps that set it, in the order in which the kernel takes them.
  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep]
  /// What was asked for and has no meaning in this version of cgroups, so that it is left out as runc does.
  static func ignored(of resources: Resources, in version: CgroupVersion) -> [String]
}

extension Controller {
  static func ignored(of resources: Resources, in version: CgroupVersion) -> [String] { [] }
}

package enum CgroupVersion: Sendable { case v1, v2 }

/// The group that a controller writes to, and what it holds now.
struct ControlGroup {
  var path: Path
  var version: CgroupVersion
  var hasSwapLimit: Bool
  /// The contents of a control file, nil in a group that is yet to be made.
  var current: (_ file: String) -> String?

  func write(_ file: String, _ value: some CustomStringConvertible) -> CgroupStep {
    .write(path, file: Path(file), value: value.description)
  }

  func writeFirst(_ settings: [(String, String)], orNone: Bool = false) -> CgroupStep {
    .writeFirst(path, settings.map { ControlSetting(file: Path($0.0), value: $0.1) }, orNone: orNone)
  }

  /// A number that the group holds; nil for `max` and `-1`, and in a new group.
  func currentNumber(_ file: String) -> Int64? {
    current(file).flatMap { Int64($0) }.flatMap { $0 < 0 ? nil : $0 }
  }
}

enum Controllers {
  /// cpuset first: v1 lets no task into a group before it has cpus and memory nodes.
  static let all: [any Controller.Type] = [
    CpusetController.self, CPUController.self, MemoryController.self, PidsController.self, BlockIOController.self,
    DevicesController.self, HugeTLBController.self, NetworkClassController.self, NetworkPriorityController.self,
    RDMAController.self,
  ]
}

/// `max` for no limit, as v2 and pids write it.
func maximum(_ value: Int64) -> String { value < 0 ? "max" : String(value) }
