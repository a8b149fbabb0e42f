import Containers
import Engine
import JSON
import Kernel
import Testing

@testable import Cgroups
@testable import SkiffCLI

@Suite struct StatisticsTests {
  static let identifier = ContainerIdentifier(String(repeating: "0123456789abcdef", count: 4))!

  func sample(
    at time: UInt64, used: UInt64, memory: CgroupUsage.Memory? = nil, traffic: NetworkTraffic? = nil
  ) -> ContainerStatistics {
    let cgroup = CgroupUsage(
      processorTime: used, memory: memory, tasks: 3, blockIO: .init(read: 12_300_000, written: 0))
    return ContainerStatistics(
      identifier: Self.identifier, name: "web", time: time, cgroup: cgroup, traffic: traffic)
  }

  @Test func processorTimeIsMeasuredBetweenTwoLooks() {
    func share(_ used: UInt64, in time: UInt64) -> String {
      StatisticsRow(
        now: sample(at: 5000 + time, used: 700 + used), before: sample(at: 5000, used: 700), hostMemory: nil
      )
      .processor
    }
    #expect(share(0, in: 1_000_000_000) == "0.00%")
    #expect(share(500_000_000, in: 1_000_000_000) == "50.00%")
    #expect(share(2_000_000_000, in: 1_000_000_000) == "200.00%")
    #expect(share(1_234_567, in: 100_000_000) == "1.23%")
    // A new container has no look before; one that was started again has a smaller counter.
    #expect(StatisticsRow(now: sample(at: 10, used: 10), before: nil, hostMemory: nil).processor == "0.00%")
    #expect(
      StatisticsRow(now: sample(at: 10, used: 10), before: sample(at: 5, used: 11), hostMemory: nil).processor
        == "0.00%")
    #expect(
      StatisticsRow(now: sample(at: 5, used: 10), before: sample(at: 5, used: 1), hostMemory: nil).processor == "0.00%")
  }

  @Test func memoryIsShownAgainstTheSmallerLimit() {
    func row(limit: UInt64?, host: UInt64?) -> StatisticsRow {
      let memory = CgroupUsage.Memory(working: 16 << 20, limit: limit)
      return StatisticsRow(now: sample(at: 1, used: 1, memory: memory), before: nil, hostMemory: host)
    }
    #expect(row(limit: 64 << 20, host: 1 << 30).memory == "16MiB / 64MiB")
    #expect(row(limit: 64 << 20, host: 1 << 30).memoryShare == "25.00%")
    #expect(row(limit: nil, host: 1 << 30).memory == "16MiB / 1GiB")
    // A limit above what the machine has limits nothing.
    #expect(row(limit: 1 << 40, host: 1 << 30).memoryShare == "1.56%")
    #expect(row(limit: nil, host: nil).memoryShare == "--")
    #expect(row(limit: 0, host: 1 << 30).memoryShare == "--")
  }

  @Test func whatDoesNotRunHasDashes() {
    let row = StatisticsRow(
      now: ContainerStatistics(identifier: Self.identifier, name: "web", time: 1, cgroup: nil, traffic: nil),
      before: nil,
      hostMemory: 1 << 30)
    #expect(
      [row.processor, row.memory, row.memoryShare, row.traffic, row.blockIO, row.processes] == [
        "--", "-- / --", "--", "-- / --", "-- / --", "--",
      ])
  }

  @Test func fieldsAreNamedAsDockerNamesThem() throws {
    let row = StatisticsRow(
      now: sample(at: 1, used: 1, traffic: NetworkTraffic(received: 1500, sent: 20)), before: nil, hostMemory: nil)
    let text = try Template("{{.ID}} {{.Name}} {{.NetIO}} {{.BlockIO}} {{.PIDs}}").text(row.fields(truncated: true))
    #expect(text == "0123456789ab web 1.5kB / 20B 12.3MB / 0B 3")
  }
}
