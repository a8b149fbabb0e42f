import Kernel
import Steps
import Testing

@testable import Cgroups

@Suite struct ControllerTests {
  static let v1 = Fixture.centOS7.layout
  static let v2 = Fixture.debian12.layout

  /// File names and values of a new group's settings.
  func settings(_ layout: CgroupLayout, _ change: (inout Resources) -> Void) throws -> [String] {
    var resources = Resources()
    change(&resources)
    return try layout.plan(for: resources, group: "g").make.compactMap(setting)
  }

  /// The same for an update of a group that holds `current`.
  func update(
    _ layout: CgroupLayout, current: [String: String], _ change: (inout Resources) -> Void
  ) throws -> [String] {
    var resources = Resources()
    change(&resources)
    return try layout.update(resources, of: "g") { current[$0.name] }.compactMap(setting)
  }

  func setting(_ step: CgroupStep) -> String? {
    switch step {
    case .write(_, let file, let value): "\(file)=\(value)"
    case .writeFirst(_, let settings, let orNone):
      settings.map { "\($0.file)=\($0.value)" }.joined(separator: "|") + (orNone ? "|" : "")
    default: nil
    }
  }

  // MARK: Memory

  @Test func swapIsCountedAsEachVersionCountsIt() throws {
    func both(_ limit: Int64?, _ swap: Int64?) throws -> [[String]] {
      try [Self.v1, Self.v2].map { layout in
        try settings(layout) { resources in
          resources.memory.limit = limit
          resources.memory.swap = swap
        }
      }
    }
    #expect(
      try both(100, 300) == [
        ["memory.limit_in_bytes=100", "memory.memsw.limit_in_bytes=300"], ["memory.swap.max=200", "memory.max=100"],
      ])
    #expect(
      try both(100, 100) == [
        ["memory.limit_in_bytes=100", "memory.memsw.limit_in_bytes=100"], ["memory.swap.max=0|", "memory.max=100"],
      ])
    #expect(
      try both(100, -1) == [
        ["memory.memsw.limit_in_bytes=-1", "memory.limit_in_bytes=100"], ["memory.swap.max=max|", "memory.max=100"],
      ])
    #expect(
      try both(-1, nil) == [
        ["memory.memsw.limit_in_bytes=-1|", "memory.limit_in_bytes=-1"], ["memory.swap.max=max|", "memory.max=max"],
      ])
    #expect(try both(100, nil) == [["memory.limit_in_bytes=100"], ["memory.max=100"]])
    #expect(try both(nil, -1) == [["memory.memsw.limit_in_bytes=-1"], ["memory.swap.max=max|"]])
    #expect(throws: CgroupError.swapBelowMemory(swap: 99, memory: 100)) { try both(100, 99) }
    #expect(throws: CgroupError.swapWithoutMemory) {
      try settings(Self.v2) { $0.memory.swap = 100 }
    }
    #expect(throws: CgroupError.badValue(of: "memory limit", value: "-2", allowed: "a number of bytes, or -1")) {
      try both(-2, nil)
    }
  }

  @Test func memoryAndSwapNeverCrossDuringAnUpdate() throws {
    func change(_ limit: Int64, _ swap: Int64, now: String) throws -> [String] {
      try update(Self.v1, current: ["memory.limit_in_bytes": now]) {
        $0.memory.limit = limit
        $0.memory.swap = swap
      }
    }
    #expect(try change(200, 400, now: "100") == ["memory.memsw.limit_in_bytes=400", "memory.limit_in_bytes=200"])
    #expect(try change(50, 80, now: "100") == ["memory.limit_in_bytes=50", "memory.memsw.limit_in_bytes=80"])
    #expect(try change(50, 150, now: "100") == ["memory.memsw.limit_in_bytes=150", "memory.limit_in_bytes=50"])
  }

  @Test func swapWithoutAccountingIsRefusedOnlyWhereItWasAskedFor() throws {
    var v1 = Self.v1
    v1.hasSwapLimit = false
    var v2 = Self.v2
    v2.hasSwapLimit = false
    for layout in [v1, v2] {
      #expect(throws: CgroupError.noSwapAccounting) {
        try settings(layout) {
          $0.memory.limit = 100
          $0.memory.swap = 200
        }
      }
    }
    #expect(
      try settings(v1) {
        $0.memory.limit = 100; $0.memory.swap = -1
      } == ["memory.limit_in_bytes=100"])
    #expect(
      try settings(v2) {
        $0.memory.limit = 100; $0.memory.swap = 100
      } == ["memory.swap.max=0|", "memory.max=100"])
  }

  @Test func anUpdateMayRefuseToKill() throws {
    func shrink(_ checks: Bool) throws -> [String] {
      try update(Self.v2, current: ["memory.current": "5000", "memory.max": "8000"]) {
        $0.memory.limit = 4000
        $0.memory.checksUsage = checks
      }
    }
    #expect(try shrink(false) == ["memory.max=4000"])
    #expect(throws: CgroupError.belowUsage(limit: 4000, usage: 5000)) { try shrink(true) }
  }

  @Test func swapAloneIsMeasuredAgainstThePresentLimit() throws {
    let steps = try update(Self.v2, current: ["memory.max": "8000"]) { $0.memory.swap = 10_000 }
    #expect(steps == ["memory.swap.max=2000"])
  }

  // MARK: Processor time

  /// Values that the formula of runc 1.4 (opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value) gives.
  @Test(
    arguments: [
      (1, 1), (2, 1), (3, 2), (4, 2), (10, 4), (64, 12), (100, 17), (102, 17), (128, 21), (256, 35), (512, 59),
      (1000, 99), (1023, 100), (1024, 100), (1025, 101), (2048, 174), (4096, 303), (10_000, 627), (65_536, 3023),
      (131_072, 5478), (262_143, 10_000), (262_144, 10_000), (999_999, 10_000),
    ] as [(UInt64, UInt64)])
  func sharesBecomeWeights(_ shares: UInt64, _ weight: UInt64) {
    #expect(CPUController.weight(ofShares: shares) == weight)
  }

  @Test func weightsRiseWithShares() {
    var last: UInt64 = 0
    for shares in stride(from: UInt64(2), through: 262_144, by: 7) {
      let weight = CPUController.weight(ofShares: shares)
      #expect(weight >= last)
      last = weight
    }
  }

  @Test func quotaAndPeriodShareAFileOnV2() throws {
    #expect(try settings(Self.v2) { $0.processor.quota = 50_000 } == ["cpu.max=50000 100000"])
    #expect(try settings(Self.v2) { $0.processor.period = 50_000 } == ["cpu.max=max 50000"])
    #expect(
      try update(Self.v2, current: ["cpu.max": "20000 40000"]) { $0.processor.quota = 10_000 } == [
        "cpu.max=10000 40000"
      ])
    #expect(
      try update(Self.v2, current: ["cpu.max": "20000 40000"]) { $0.processor.period = 50_000 } == [
        "cpu.max=20000 50000"
      ])
    #expect(
      try update(Self.v2, current: ["cpu.max": "20000 40000"]) { $0.processor.quota = -1 } == ["cpu.max=max 40000"])
  }

  @Test func theStateInBetweenIsTheSmallerOnV1() throws {
    func change(_ quota: Int64, _ period: UInt64, from: (String, String)) throws -> [String] {
      try update(Self.v1, current: ["cpu.cfs_quota_us": from.0, "cpu.cfs_period_us": from.1]) {
        $0.processor.quota = quota
        $0.processor.period = period
      }
    }
    // Half a processor all the time: the longer period first gives a quarter in between, the larger quota first a whole one.
    #expect(
      try change(100_000, 200_000, from: ("50000", "100000")) == [
        "cpu.cfs_period_us=200000", "cpu.cfs_quota_us=100000",
      ])
    #expect(
      try change(25_000, 50_000, from: ("50000", "100000")) == ["cpu.cfs_quota_us=25000", "cpu.cfs_period_us=50000"])
    #expect(
      try change(25_000, 50_000, from: ("-1", "100000")) == ["cpu.cfs_period_us=50000", "cpu.cfs_quota_us=25000"])
  }

  @Test func aBurstIsNeverAboveTheQuota() throws {
    #expect(
      try settings(Self.v2) {
        $0.processor.quota = 50_000; $0.processor.burst = 10_000
      } == [
        "cpu.max=50000 100000", "cpu.max.burst=10000",
      ])
    #expect(
      try update(Self.v2, current: ["cpu.max": "50000 100000", "cpu.max.burst": "30000"]) {
        $0.processor.quota = 20_000
        $0.processor.burst = 10_000
      } == ["cpu.max.burst=0", "cpu.max=20000 100000", "cpu.max.burst=10000"])
  }

  @Test(arguments: [999, 1_000_001] as [UInt64])
  func refusesPeriodsThatTheKernelRefuses(_ period: UInt64) {
    #expect(throws: CgroupError.self) { try settings(Self.v2) { $0.processor.period = period } }
    #expect(throws: CgroupError.self) {
      try settings(Self.v1) {
        $0.processor.quota = Int64(period) - 1000 + 1; $0.processor.period = period
      }
    }
  }

  @Test(arguments: [
    ("0", true), ("0-3", true), ("0,2-5,7", true), ("", false), ("3-1", false), ("0-", false), ("a", false),
    ("0\n1", false), ("0 1", false), ("-1", false), ("+1", false), ("0--1", false), ("0,,1", false),
    ("99999999999", false),
  ])
  func readsLists(_ text: String, _ isList: Bool) { #expect(CpusetController.isList(text) == isList) }

  // MARK: Others

  @Test func pidsTakeZeroAsALimit() throws {
    #expect(try settings(Self.v2) { $0.processes = 0 } == ["pids.max=0"])
    #expect(try settings(Self.v1) { $0.processes = -1 } == ["pids.max=max"])
  }

  @Test func blockWeightsAndRates() throws {
    func change(_ resources: inout Resources) {
      resources.blockIO.weight = 10
      resources.blockIO.deviceWeights = [.init(major: 8, minor: 0, weight: 1000)]
      resources.blockIO.writeOperations = [.init(major: 8, minor: 16, rate: 0)]
    }
    #expect(
      try settings(Self.v2, change) == [
        "io.bfq.weight=10|io.weight=1", "io.bfq.weight=8:0 1000|io.weight=8:0 10000", "io.max=8:16 wiops=max",
      ])
    #expect(
      try settings(Self.v1, change) == [
        "blkio.weight=10|blkio.bfq.weight=10", "blkio.weight_device=8:0 1000|blkio.bfq.weight_device=8:0 1000",
        "blkio.throttle.write_iops_device=8:16 0",
      ])
    #expect(throws: CgroupError.self) { try settings(Self.v2) { $0.blockIO.weight = 9 } }
    #expect(throws: CgroupError.self) {
      try settings(Self.v2) { $0.blockIO.readRates = [.init(major: -1, minor: 0, rate: 1)] }
    }
  }

  @Test(arguments: ["2MB/../../x", "MB", "0MB", "2M", "", "2MB\n", "٢MB"])
  func aPageSizeIsNoWayToAnotherFile(_ size: String) {
    #expect(throws: CgroupError.self) { try settings(Self.v2) { $0.hugePages = [.init(pageSize: size, bytes: 0)] } }
  }

  @Test func networkTagsExistInV1Only() throws {
    #expect(try settings(Self.v1) { $0.network.classIdentifier = 0x10_0001 } == ["net_cls.classid=1048577"])
    #expect(throws: CgroupError.notInV2("a network class")) {
      try settings(Self.v2) { $0.network.classIdentifier = 1 }
    }
    #expect(throws: CgroupError.self) {
      try settings(Self.v1) { $0.network.priorities = [.init(interface: "eth0 5\neth1", priority: 1)] }
    }
  }
}
