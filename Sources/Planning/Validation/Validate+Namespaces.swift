internal import Kernel
internal import RuntimeSpec
internal import Steps

extension SpecValidator {
  mutating func checkNamespaces(of linux: Spec.Linux) {
    var seen: Namespaces = []
    for (index, namespace) in linux.namespaces.enumerated() {
      let path = "linux.namespaces[\(index)]"
      faults.require(
        !seen.contains(namespace.type.flag), "\(path).type", "\"\(namespace.type.rawValue)\" stands there twice")
      seen.formUnion(namespace.type.flag)
      if let file = namespace.path {
        faults.require(
          file.utf8.first == UInt8(ascii: "/"), "\(path).path", "\"\(file)\" is not an absolute path")
      }
    }
    faults.require(
      has(.mount), "linux.namespaces", "a mount namespace is missing: the host's mounts would change")
    checkMaps(of: linux)
    checkClocks(of: linux)
    checkMovedDevices(of: linux)
    for (key, value) in linux.sysctl {
      do throws(PlanningError) { try PlanCompiler.check(sysctl: key, value, has: own) } catch {
        faults.add(error.path, error.reason, hint: error.hint)
      }
    }
  }

  private mutating func checkMaps(of linux: Spec.Linux) {
    guard made.contains(.user) else {
      let hint = "leave it out, or add a user namespace without a path to linux.namespaces"
      let reason = "needs a user namespace that is made for the container"
      // The mappings of a namespace that is joined may be repeated, as engines do.
      guard !has(.user) else { return }
      faults.require(linux.uidMappings.isEmpty, "linux.uidMappings", reason, hint: hint)
      faults.require(linux.gidMappings.isEmpty, "linux.gidMappings", reason, hint: hint)
      return
    }
    faults.require(
      !linux.uidMappings.isEmpty, "linux.uidMappings",
      "is missing: nobody is anybody in a new user namespace without it")
    faults.require(
      !linux.gidMappings.isEmpty, "linux.gidMappings",
      "is missing: nobody is in any group in a new user namespace without it")
    check(linux.uidMappings, "linux.uidMappings")
    check(linux.gidMappings, "linux.gidMappings")
  }

  /// The rules of user_namespaces(7) for uid_map and gid_map.
  mutating func check(_ maps: [Spec.IDMapping], _ path: @autoclosure () -> String) {
    faults.require(maps.count <= 340, path(), "there are more lines than the kernel takes, 340")
    for (index, map) in maps.enumerated() {
      guard map.size > 0 else {
        faults.add("\(path())[\(index)].size", "is missing or zero")
        continue
      }
      func ends(_ first: UInt32) -> Bool { UInt64(first) + UInt64(map.size) <= UInt64(UInt32.max) }
      faults.require(ends(map.containerID), "\(path())[\(index)].containerID", "the range goes beyond the last id")
      faults.require(ends(map.hostID), "\(path())[\(index)].hostID", "the range goes beyond the last id")
      guard maps.count <= 340 else { continue }
      for other in maps[..<index] {
        faults.require(
          !Self.overlap(map.containerID, other.containerID, map.size, other.size), "\(path())[\(index)].containerID",
          "the range overlaps an earlier one")
        faults.require(
          !Self.overlap(map.hostID, other.hostID, map.size, other.size), "\(path())[\(index)].hostID",
          "the range overlaps an earlier one")
      }
    }
  }

  private static func overlap(_ a: UInt32, _ b: UInt32, _ sizeA: UInt32, _ sizeB: UInt32) -> Bool {
    UInt64(a) < UInt64(b) + UInt64(sizeB) && UInt64(b) < UInt64(a) + UInt64(sizeA)
  }

  /// time_namespaces(7).
  private mutating func checkClocks(of linux: Spec.Linux) {
    guard !linux.timeOffsets.isEmpty else { return }
    faults.require(
      has(.time), "linux.timeOffsets", "needs a time namespace of the container's own",
      hint: "add one to linux.namespaces")
    if has(.time), !made.contains(.time) {
      warnings.add(
        "linux.timeOffsets", "the time namespace that is joined has its offsets already: these count for nothing")
    }
    for (clock, offset) in linux.timeOffsets {
      faults.require(
        clock == "monotonic" || clock == "boottime", "linux.timeOffsets.\(clock)", "is neither monotonic nor boottime")
      faults.require(
        offset.nanosecs < 1_000_000_000, "linux.timeOffsets.\(clock).nanosecs", "\(offset.nanosecs) is a second or more"
      )
    }
  }

  private mutating func checkMovedDevices(of linux: Spec.Linux) {
    guard !linux.netDevices.isEmpty else { return }
    faults.require(
      has(.network), "linux.netDevices", "needs a network namespace of the container's own",
      hint: "add one to linux.namespaces")
    var names: Set<String> = []
    for (host, device) in linux.netDevices {
      faults.require(Self.isLinkName(host), "linux.netDevices", "\"\(host)\" is no name of a network device")
      let name = device.name ?? host
      if let name = device.name {
        faults.require(
          Self.isLinkName(name), "linux.netDevices.\(host).name", "\"\(name)\" is no name of a network device")
        faults.require(
          Self.isTemplate(name) || !name.utf8.contains(UInt8(ascii: "%")), "linux.netDevices.\(host).name",
          "\"\(name)\" is no template of a name", hint: "one %d stands for the first number that is free")
      }
      faults.require(
        Self.isTemplate(name) || names.insert(name).inserted, "linux.netDevices.\(host).name",
        "two devices would have the name \"\(name)\"")
    }
  }

  /// What the kernel takes for one (dev_alloc_name): `eth%d`.
  private static func isTemplate(_ name: String) -> Bool {
    name.utf8.count { $0 == UInt8(ascii: "%") } == 1 && name.contains("%d")
  }

  /// The kernel's rule (dev_valid_name): 1 to 15 bytes, neither `.` nor `..`, no slash, colon or space.
  static func isLinkName(_ name: String) -> Bool {
    (1...15).contains(name.utf8.count) && name != "." && name != ".."
      && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
  }
}
