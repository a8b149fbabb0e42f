internal import Steps

/// The number of tasks. v1 and v2 have the same file.
enum PidsController: Controller {
  static let nameInV1 = "pids"
  static let nameInV2: String? = "pids"

  static func purpose(in resources: Resources) -> String? {
    resources.processes == nil ? nil : "a limit of processes"
  }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    // 0 is a limit like any other (runtime-spec 1.3, "PIDs"): nothing may be forked.
    resources.processes.map { [group.write("pids.max", maximum($0))] } ?? []
  }
}
