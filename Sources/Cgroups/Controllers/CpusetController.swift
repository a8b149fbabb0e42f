internal import Steps

/// Which processors and memory nodes (cpuset(7)).
enum CpusetController: Controller {
  static let nameInV1 = "cpuset"
  static let nameInV2: String? = "cpuset"

  static func purpose(in resources: Resources) -> String? {
    if resources.processor.cpus?.isEmpty == false { return "a choice of processors" }
    return resources.processor.memoryNodes?.isEmpty == false ? "a choice of memory nodes" : nil
  }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    for (what, file, list) in [
      ("processors", "cpuset.cpus", resources.processor.cpus),
      ("memory nodes", "cpuset.mems", resources.processor.memoryNodes),
    ] {
      guard let list, !list.isEmpty else { continue }
      guard isList(list) else {
        throw .badValue(of: what, value: "\"\(list)\"", allowed: "a list such as 0-3,7")
      }
      steps.append(group.write(file, list))
    }
    return steps
  }

  /// `0-3,7`: numbers and rising ranges (cpuset(7), "List format").
  static func isList(_ text: String) -> Bool {
    text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { part in
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { UInt16(String($0)) }
      guard (1...2).contains(ends.count), part.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) else { return false }
      guard let first = ends[0], let last = ends[ends.count - 1] else { return false }
      return first <= last
    }
  }
}
