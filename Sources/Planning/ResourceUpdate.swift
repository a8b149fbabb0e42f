package import Cgroups
package import RuntimeSpec
package import Steps
internal import Systemd

/// Limits that change while a container runs, by the rules of `runc update`.
package struct ResourceUpdate: Sendable {
  /// What is written to the group now.
  package var change: Spec.Resources
  /// What the container has from now on, for its record.
  package var merged: Spec.Resources

  /// - Parameters:
  ///   - present: what the container has, as its record says.
  ///   - change: what was asked for; what it leaves out stays.
  package init(of present: Spec.Resources, by change: Spec.Resources) {
    var change = change
    // Engines send the whole of a container's resources here, without the rules that were added when it was made; and what a
    // device plugin allowed since stands in no record.
    change.devices = []
    if var memory = change.memory {
      // No limit of memory with one of memory and swap together would be that limit.
      if memory.limit == -1, memory.swap == nil { memory.swap = -1 }
      // v2 counts swap alone, so the sum stays what it was only when it is written again.
      if let limit = memory.limit, limit != 0 { memory.swap = memory.swap ?? present.memory?.swap }
      memory.checkBeforeUpdate = memory.checkBeforeUpdate ?? present.memory?.checkBeforeUpdate
      change.memory = memory
    }
    self.change = change
    merged = present
    merged.memory = Spec.Memory(present.memory, changedBy: change.memory)
    merged.cpu = Spec.CPU(present.cpu, changedBy: change.cpu)
    merged.pids = change.pids?.limit == nil ? present.pids : change.pids
    merged.blockIO = Spec.BlockIO(present.blockIO, changedBy: change.blockIO)
    if !change.hugepageLimits.isEmpty { merged.hugepageLimits = change.hugepageLimits }
    merged.network = change.network ?? present.network
    merged.rdma.merge(change.rdma) { $1 }
    merged.unified.merge(change.unified) { $1 }
  }
}

extension Cgroup {
  /// The steps that change the limits of a group that is there; `Cgroup.update` performs them. Refused here is what the host
  /// cannot do, and a memory limit below what is used, where that was asked to be checked.
  package func updateSteps(for change: Spec.Resources) throws(PlanningError) -> [CgroupStep] {
    let resources = try Resources(change)
    do throws(CgroupError) { return try updateSteps(resources) } catch {
      throw PlanningError("", "\(error)", hint: error.hint)
    }
  }
}

extension SystemdUnit {
  /// A running scope with other limits. Devices stay as they are: an update has none.
  package init(
    _ name: String, isUser: Bool, changedTo limits: Spec.Resources, _ layout: CgroupLayout
  ) throws(PlanningError) {
    var limits = limits
    limits.devices = []
    let resources = try Resources(limits)
    do throws(UnitError) {
      let properties = try UnitProperty.properties(of: resources, version: layout.kind == .v2 ? .v2 : .v1)
      self.init(name: name, isUser: isUser, properties: properties)
    } catch { throw PlanningError("", error.description, hint: error.hint) }
  }
}

extension Spec.Memory {
  fileprivate init?(_ present: Spec.Memory?, changedBy change: Spec.Memory?) {
    guard let change else {
      guard let present else { return nil }
      self = present
      return
    }
    self = present ?? Spec.Memory()
    limit = change.limit ?? limit
    reservation = change.reservation ?? reservation
    swap = change.swap ?? swap
    kernel = change.kernel ?? kernel
    kernelTCP = change.kernelTCP ?? kernelTCP
    swappiness = change.swappiness ?? swappiness
    disableOOMKiller = change.disableOOMKiller ?? disableOOMKiller
    useHierarchy = change.useHierarchy ?? useHierarchy
    checkBeforeUpdate = change.checkBeforeUpdate ?? checkBeforeUpdate
  }
}

extension Spec.CPU {
  fileprivate init?(_ present: Spec.CPU?, changedBy change: Spec.CPU?) {
    guard let change else {
      guard let present else { return nil }
      self = present
      return
    }
    self = present ?? Spec.CPU()
    shares = change.shares ?? shares
    quota = change.quota ?? quota
    burst = change.burst ?? burst
    period = change.period ?? period
    realtimeRuntime = change.realtimeRuntime ?? realtimeRuntime
    realtimePeriod = change.realtimePeriod ?? realtimePeriod
    cpus = change.cpus ?? cpus
    mems = change.mems ?? mems
    idle = change.idle ?? idle
  }
}

extension Spec.BlockIO {
  fileprivate init?(_ present: Spec.BlockIO?, changedBy change: Spec.BlockIO?) {
    guard let change else {
      guard let present else { return nil }
      self = present
      return
    }
    self = present ?? Spec.BlockIO()
    weight = change.weight ?? weight
    leafWeight = change.leafWeight ?? leafWeight
    func list<Entry>(_ old: [Entry], _ new: [Entry]) -> [Entry] { new.isEmpty ? old : new }
    weightDevice = list(weightDevice, change.weightDevice)
    throttleReadBpsDevice = list(throttleReadBpsDevice, change.throttleReadBpsDevice)
    throttleWriteBpsDevice = list(throttleWriteBpsDevice, change.throttleWriteBpsDevice)
    throttleReadIOPSDevice = list(throttleReadIOPSDevice, change.throttleReadIOPSDevice)
    throttleWriteIOPSDevice = list(throttleWriteIOPSDevice, change.throttleWriteIOPSDevice)
  }
}
