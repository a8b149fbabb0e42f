internal import Kernel
internal import RuntimeSpec

// Which devices a container has, and how much it may use of what the host has.

extension SpecBuilder {
  func devices() throws(Failure) -> [Spec.Device] {
    var devices: [Spec.Device] = []
    for device in request.devices {
      devices.append(try node(device.source, as: device.target))
    }
    if request.isPrivileged { devices += hostDevices() }
    return devices
  }

  private func node(_ source: Path, as target: Path) throws(Failure) -> Spec.Device {
    do throws(Fault) {
      let status = try status(of: source)
      guard status.kind == .characterDevice || status.kind == .blockDevice else {
        throw Fault("stat", .noSuchDevice, arguments: source.quoted)
      }
      return Spec.Device(
        path: target.string, type: status.kind == .blockDevice ? "b" : "c", major: Int64(status.device.major),
        minor: Int64(status.device.minor), fileMode: status.mode.rawValue, uid: status.owner, gid: status.group)
    } catch { throw Failure("cannot give the container \(source)", error) }
  }

  /// All that the host has right below /dev, for --privileged; terminals and what is mounted there are the container's own.
  private func hostDevices() -> [Spec.Device] {
    ((try? entries(of: "/dev")) ?? []).filter {
      ($0.kind == .characterDevice || $0.kind == .blockDevice) && !["console", "ptmx", "tty"].contains($0.name.string)
    }.compactMap { entry in
      let path = Path("/dev").appending(entry.name)
      return try? node(path, as: path)
    }.filter { device in
      !["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"].contains(device.path)
    }
  }

  func resources() throws(Failure) -> Spec.Resources {
    var resources = Spec.Resources()
    resources.devices = request.isPrivileged ? DefaultSpec.allDevices : DefaultSpec.deviceRules
    for device in request.devices {
      let node = try node(device.source, as: device.target)
      resources.devices.append(
        Spec.DeviceRule(allow: true, type: node.type, major: node.major, minor: node.minor, access: device.access))
    }
    for rule in request.deviceRules {
      resources.devices.append(
        Spec.DeviceRule(
          allow: true, type: rule.kind, major: rule.major.map(Int64.init), minor: rule.minor.map(Int64.init),
          access: rule.access))
    }
    request.resources.apply(to: &resources)
    if request.disablesOOMKiller {
      resources.memory = resources.memory ?? Spec.Memory()
      resources.memory?.disableOOMKiller = true
    }
    if let swappiness = request.memorySwappiness {
      resources.memory = resources.memory ?? Spec.Memory()
      resources.memory?.swappiness = UInt64(swappiness)
    }
    if !request.deviceRates.isEmpty { resources.blockIO = try withRates(resources.blockIO ?? Spec.BlockIO()) }
    return resources
  }

  private func withRates(_ present: Spec.BlockIO) throws(Failure) -> Spec.BlockIO {
    var limits = present
    for rate in request.deviceRates {
      let node = try node(rate.device, as: rate.device)
      guard node.type == "b" else {
        throw Failure(.usage, "cannot limit \(rate.device): it is no block device", hint: "lsblk lists those there are")
      }
      let throttle = Spec.ThrottleDevice(major: node.major, minor: node.minor, rate: rate.value)
      switch rate.kind {
      case .readBytes: limits.throttleReadBpsDevice.append(throttle)
      case .writeBytes: limits.throttleWriteBpsDevice.append(throttle)
      case .readOperations: limits.throttleReadIOPSDevice.append(throttle)
      case .writeOperations: limits.throttleWriteIOPSDevice.append(throttle)
      case .weight:
        limits.weightDevice.append(
          Spec.WeightDevice(major: node.major, minor: node.minor, weight: UInt16(clamping: rate.value)))
      }
    }
    return limits
  }
}

extension ResourceRequest {
  /// Writes what was asked for into the specification's words.
  func apply(to resources: inout Spec.Resources) {
    if memory != nil || memorySwap != nil || memoryReservation != nil {
      var limits = resources.memory ?? Spec.Memory()
      limits.limit = memory ?? limits.limit
      limits.reservation = memoryReservation ?? limits.reservation
      limits.swap = memorySwap ?? limits.swap
      resources.memory = limits
    }
    if cpuShares != nil || cpuPeriod != nil || cpuQuota != nil || cpusetCpus != nil || cpusetMems != nil
      || cpuRealtimePeriod != nil || cpuRealtimeRuntime != nil
    {
      var limits = resources.cpu ?? Spec.CPU()
      limits.shares = cpuShares ?? limits.shares
      limits.period = cpuPeriod ?? limits.period
      limits.quota = cpuQuota ?? limits.quota
      limits.realtimePeriod = cpuRealtimePeriod ?? limits.realtimePeriod
      limits.realtimeRuntime = cpuRealtimeRuntime ?? limits.realtimeRuntime
      limits.cpus = cpusetCpus ?? limits.cpus
      limits.mems = cpusetMems ?? limits.mems
      resources.cpu = limits
    }
    if let processes { resources.pids = Spec.Pids(limit: processes) }
    if let blockWeight {
      var limits = resources.blockIO ?? Spec.BlockIO()
      limits.weight = blockWeight
      resources.blockIO = limits
    }
  }
}
