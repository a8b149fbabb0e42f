internal import Steps

/// Weights and rates of block devices (blkio in v1, io in v2).
enum BlockIOController: Controller {
  static let nameInV1 = "blkio"
  static let nameInV2: String? = "io"

  static func purpose(in resources: Resources) -> String? {
    let io = resources.blockIO
    if io.weight != nil || io.leafWeight != nil || !io.deviceWeights.isEmpty { return "a weight of block i/o" }
    let isFree =
      io.readRates.isEmpty && io.writeRates.isEmpty && io.readOperations.isEmpty && io.writeOperations.isEmpty
    return isFree ? nil : "a limit of block i/o"
  }

  static func ignored(of resources: Resources, in version: CgroupVersion) -> [String] {
    let asks = resources.blockIO.leafWeight != nil || resources.blockIO.deviceWeights.contains { $0.leafWeight != nil }
    return version == .v2 && asks ? ["the leaf weight of block i/o"] : []
  }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    let io = resources.blockIO
    let weights = [io.weight, io.leafWeight] + io.deviceWeights.flatMap { [$0.weight, $0.leafWeight] }
    for case .some(let weight) in weights where weight != 0 && !(10...1000).contains(weight) {
      throw .badValue(of: "block i/o weight", value: "\(weight)", allowed: "10 to 1000")
    }
    let numbers =
      io.deviceWeights.flatMap { [$0.major, $0.minor] }
      + rates(of: io).flatMap(\.list).flatMap { [$0.major, $0.minor] }
    for number in numbers where !(0...0xffff_ffff).contains(number) {
      throw .badValue(of: "device number", value: "\(number)", allowed: "0 to 4294967295")
    }
    switch group.version {
    case .v1: return inV1(io, group)
    case .v2: return inV2(io, group)
    }
  }

  /// Each kind of rate with its file in v1 and its key in v2's io.max.
  private static func rates(
    of io: Resources.BlockIO
  ) -> [(file: String, key: String, list: [Resources.DeviceRate])] {
    [
      ("blkio.throttle.read_bps_device", "rbps", io.readRates),
      ("blkio.throttle.write_bps_device", "wbps", io.writeRates),
      ("blkio.throttle.read_iops_device", "riops", io.readOperations),
      ("blkio.throttle.write_iops_device", "wiops", io.writeOperations),
    ]
  }

  private static func inV1(_ io: Resources.BlockIO, _ group: ControlGroup) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    // CFQ had the plain names until Linux 5.0; BFQ has its own.
    if let weight = io.weight, weight != 0 {
      steps.append(group.writeFirst([("blkio.weight", "\(weight)"), ("blkio.bfq.weight", "\(weight)")]))
    }
    if let weight = io.leafWeight, weight != 0 { steps.append(group.writeFirst([("blkio.leaf_weight", "\(weight)")])) }
    for device in io.deviceWeights {
      if let weight = device.weight, weight != 0 {
        let line = "\(device.major):\(device.minor) \(weight)"
        steps.append(group.writeFirst([("blkio.weight_device", line), ("blkio.bfq.weight_device", line)]))
      }
      if let weight = device.leafWeight, weight != 0 {
        let line = "\(device.major):\(device.minor) \(weight)"
        steps.append(group.writeFirst([("blkio.leaf_weight_device", line)]))
      }
    }
    for (file, _, list) in rates(of: io) {
      steps += list.map { group.write(file, "\($0.major):\($0.minor) \($0.rate)") }
    }
    return steps
  }

  private static func inV2(_ io: Resources.BlockIO, _ group: ControlGroup) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    if let weight = io.weight, weight != 0 {
      let wide = 1 + (UInt32(weight) - 10) * 9999 / 990
      steps.append(group.writeFirst([("io.bfq.weight", "\(weight)"), ("io.weight", "\(wide)")]))
    }
    for device in io.deviceWeights {
      guard let weight = device.weight, weight != 0 else { continue }
      let wide = 1 + (UInt32(weight) - 10) * 9999 / 990
      let number = "\(device.major):\(device.minor)"
      steps.append(group.writeFirst([("io.bfq.weight", "\(number) \(weight)"), ("io.weight", "\(number) \(wide)")]))
    }
    for (_, key, list) in rates(of: io) {
      steps += list.map { rate in
        group.write("io.max", "\(rate.major):\(rate.minor) \(key)=\(rate.rate == 0 ? "max" : String(rate.rate))")
      }
    }
    return steps
  }
}
