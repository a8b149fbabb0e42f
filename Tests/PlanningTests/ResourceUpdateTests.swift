import RuntimeSpec
import Steps
import Testing

@testable import Cgroups
@testable import Planning

/// The rules of `runc update`, and the device rules that every container gets.
@Suite struct ResourceUpdateTests {
  private func memory(_ limit: Int64?, swap: Int64? = nil) -> Spec.Resources {
    var resources = Spec.Resources()
    resources.memory = Spec.Memory()
    resources.memory?.limit = limit
    resources.memory?.swap = swap
    return resources
  }

  @Test func noLimitOfMemoryIsNoneOfSwapEither() {
    let update = ResourceUpdate(of: memory(100, swap: 200), by: memory(-1))
    #expect(update.change.memory?.swap == -1)
    #expect(update.merged.memory?.limit == -1 && update.merged.memory?.swap == -1)
  }

  /// v2 counts swap alone: 200 of both beside 150 of memory is 50 of swap.
  @Test func theSumOfMemoryAndSwapStaysWhenMemoryChanges() throws {
    let update = ResourceUpdate(of: memory(100, swap: 200), by: memory(150))
    #expect(update.change.memory?.swap == 200)
    let layout = CgroupLayout(
      unified: .init(mount: "/cg", own: "", controllers: ["memory"], isReadOnly: false), hierarchies: [],
      hasSwapLimit: true)
    let steps = try Cgroup(group: "web", layout: layout).updateSteps(for: update.change)
    #expect(
      steps == [
        .writeFirst("/cg/web", [.init(file: "memory.swap.max", value: "50")], orNone: false),
        .write("/cg/web", file: "memory.max", value: "150"),
      ])
    let below = ResourceUpdate(of: memory(100, swap: 200), by: memory(300))
    #expect(throws: PlanningError.self) {
      try Cgroup(group: "web", layout: layout).updateSteps(for: below.change)
    }
  }

  @Test func whatIsNotSaidStays() {
    var present = memory(100)
    present.cpu = Spec.CPU()
    present.cpu?.quota = 5000
    present.cpu?.cpus = "0"
    present.pids = Spec.Pids(limit: 7)
    var change = Spec.Resources()
    change.cpu = Spec.CPU()
    change.cpu?.period = 20_000
    change.pids = Spec.Pids(limit: nil)
    let update = ResourceUpdate(of: present, by: change)
    #expect(update.change.memory == nil)
    #expect(update.merged.memory == present.memory)
    #expect(update.merged.cpu?.quota == 5000 && update.merged.cpu?.period == 20_000 && update.merged.cpu?.cpus == "0")
    #expect(update.merged.pids?.limit == 7)
  }

  /// containerd sends the configuration's own rules back with every update.
  @Test func devicesAreLeftAlone() {
    var present = Spec.Resources()
    present.devices = [Spec.DeviceRule(allow: false, access: "rwm")]
    let update = ResourceUpdate(of: present, by: present)
    #expect(update.change.devices.isEmpty)
    #expect(update.merged.devices == present.devices)
  }

  @Test func zeroIsNotSet() throws {
    var zeros = memory(0, swap: 0)
    zeros.memory?.reservation = 0
    zeros.cpu = Spec.CPU()
    zeros.cpu?.shares = 0
    zeros.cpu?.quota = 0
    zeros.cpu?.period = 0
    zeros.cpu?.realtimePeriod = 0
    zeros.cpu?.realtimeRuntime = 0
    #expect(try Resources(zeros) == Resources())
  }

  @Test func everyContainerMayUseTheDefaultDevicesAndNoOther() throws {
    var spec = Spec()
    spec.allowDefaultDevices()
    let rules = try Resources(spec.linux?.resources ?? Spec.Resources()).devices
    #expect(rules.contains { $0.description == "c 1:3 rwm" } && rules.contains { $0.description == "c 10:200 rwm" })
    #expect(rules.contains { $0.description == "b *:* m" } && rules.allSatisfy(\.allow))
    #expect(try DeviceRules(rules).asExceptions().allowsByDefault == false)
  }

  @Test func aDeviceThatTheConfigurationMakesItselfIsItsOwnBusiness() throws {
    var spec = Spec()
    spec.linux = Spec.Linux()
    spec.linux?.devices = [Spec.Device(path: "/dev/null", type: "c", major: 1, minor: 5)]
    spec.allowDefaultDevices()
    let rules = try Resources(spec.linux?.resources ?? Spec.Resources()).devices
    #expect(!rules.contains { $0.description == "c 1:3 rwm" })
  }
}
