internal import Cgroups
package import Containers
internal import JSON
internal import Journal
internal import Kernel
internal import RuntimeSpec
internal import Steps

// `update`: limits that change while the container runs, and are remembered.

extension Engine {
  /// Changes the limits of one container: in its control groups when it runs, and in what is written down.
  ///
  /// - Parameter restart: nil leaves the policy as it is; the supervisor reads it when the container has ended.
  package func update(_ word: String, _ change: ResourceRequest, restart: RestartPolicy? = nil) throws(Failure) {
    if change != ResourceRequest() { try checkLimits(change, "a limit") }
    let identifier = try find(word)
    let files = store.files(of: identifier)
    if change.cpuRealtimePeriod != nil || change.cpuRealtimeRuntime != nil {
      let parent = String(cgroupName(of: identifier).dropLast(identifier.description.utf8.count + 1))
      try requireRealtimeGroups(try layout(), change, below: parent)
    }
    let updating = try lockUpdates(files, word)
    defer { try? updating.borrowed.unlock() }
    var record = try record(of: identifier)
    let merged = try record.merging(change, word)
    var spec = try specification(of: record, files)
    var resources = spec.linux?.resources ?? Spec.Resources()
    merged.apply(to: &resources)
    spec.linux = spec.linux ?? Spec.Linux()
    spec.linux?.resources = resources
    if let restart {
      guard !record.removesItself || restart.kind == .no else {
        throw Failure(
          .conflict, "cannot update \(word): it was started with --rm, which removes what --restart would start again")
      }
      record.restart = restart
    }
    if change != ResourceRequest(), try containerState(of: identifier).status == .running {
      try apply(merged, to: try requireGroup(of: identifier, "a limit"), word)
    }
    record.remember(merged)
    do throws(Fault) {
      try replaceFile(files.configuration, with: spec.jsonBytes())
      try store.write(record, of: identifier)
      note(.update, record)
    } catch { throw Failure("cannot write down the limits of \(word)", error) }
  }

  /// The supervisor holds the container's own lock as long as it runs, so two updates at once meet at this one.
  func lockUpdates(_ files: ContainerFiles, _ word: String) throws(Failure) -> Descriptor {
    do throws(Fault) {
      let directory = try open(files.directory, [.readOnly, .directory])
      try directory.borrowed.lock(.exclusive)
      return directory
    } catch { throw Failure("cannot update \(word)", error) }
  }

  private func apply(_ change: ResourceRequest, to group: Cgroup, _ word: String) throws(Failure) {
    let steps: [CgroupStep]
    do throws(CgroupError) { steps = try group.updateSteps(Resources(change)) } catch {
      throw Failure(.conflict, "cannot update \(word): \(error)", hint: error.hint)
    }
    do throws(StepFailure) { try group.update(steps) } catch { throw Failure("cannot update \(word)", error.fault) }
  }
}

extension Resources {
  init(_ request: ResourceRequest) {
    self.init()
    memory.limit = request.memory
    memory.swap = request.memorySwap
    memory.reservation = request.memoryReservation
    processor.shares = request.cpuShares
    processor.period = request.cpuPeriod
    processor.quota = request.cpuQuota
    processor.realtimePeriod = request.cpuRealtimePeriod
    processor.realtimeRuntime = request.cpuRealtimeRuntime
    processor.cpus = request.cpusetCpus
    processor.memoryNodes = request.cpusetMems
    processes = request.processes
    blockIO.weight = request.blockWeight
  }
}

extension ContainerRecord {
  /// What the change means beside the limits that the container has (docker's UpdateContainer).
  fileprivate func merging(_ change: ResourceRequest, _ word: String) throws(Failure) -> ResourceRequest {
    var merged = change
    if let limit = change.memory {
      let swap = change.memorySwap ?? memorySwap
      if let swap, swap > 0, limit > swap {
        throw Failure(
          .conflict,
          "cannot update \(word): the memory limit would be above its limit of memory and swap together, \(swap)",
          hint: "raise both: --memory-swap, with -1 for no limit of swap")
      }
      // v2 counts swap alone: the sum stays what it was only when it is written again.
      merged.memorySwap = swap
    } else if let swap = change.memorySwap, swap > 0 {
      guard let limit = memory, limit > 0 else {
        throw Failure(
          .conflict, "cannot update \(word): a swap limit needs a memory limit", hint: "give --memory as well")
      }
      merged.memory = limit
    }
    return merged
  }

  fileprivate mutating func remember(_ change: ResourceRequest) {
    memory = change.memory ?? memory
    memorySwap = change.memorySwap ?? memorySwap
    cpuQuota = change.cpuQuota ?? cpuQuota
    cpuPeriod = change.cpuPeriod ?? cpuPeriod
    cpuShares = change.cpuShares ?? cpuShares
    processes = change.processes ?? processes
  }
}
