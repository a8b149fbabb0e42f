internal import Kernel
internal import Mounts
internal import RuntimeSpec
internal import Steps

extension SpecValidator {
  mutating func checkMounts() {
    for (index, mount) in spec.mounts.enumerated() { check(mount, index) }
  }

  private mutating func check(_ mount: Spec.Mount, _ index: Int) {
    if mount.destination.utf8.first != UInt8(ascii: "/") {
      if mount.destination.isEmpty {
        faults.add("mounts[\(index)].destination", "is missing")
      } else {
        warnings.add(
          "mounts[\(index)].destination",
          "\"\(mount.destination)\" is a relative path, which is deprecated: it counts from /")
      }
    }
    let isBind = mount.options.contains { $0 == "bind" || $0 == "rbind" } || mount.type == "bind"
    if isBind {
      faults.require(mount.source?.isEmpty == false, "mounts[\(index)].source", "is missing: a bind mount needs one")
    } else if mount.type?.isEmpty != false, !mount.options.contains(where: Self.needsNoType) {
      faults.add("mounts[\(index)].type", "is missing: a mount is a file system or has the option bind")
    }
    for (position, option) in mount.options.enumerated() {
      faults.require(!option.utf8.contains(0), "mounts[\(index)].options[\(position)]", "holds a NUL")
    }
    checkMaps(of: mount, index, isBind: isBind)
  }

  /// What changes a mount that is there already.
  private static func needsNoType(_ option: String) -> Bool {
    switch option {
    case "remount", "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable": true
    default: false
    }
  }

  private mutating func checkMaps(of mount: Spec.Mount, _ index: Int, isBind: Bool) {
    let isMapped = mount.options.contains { $0 == "idmap" || $0 == "ridmap" }
    let hasMaps = !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty
    guard isMapped || hasMaps else { return }
    faults.require(isBind, "mounts[\(index)]", "id mappings are for bind mounts only")
    if hasMaps {
      faults.require(!mount.uidMappings.isEmpty, "mounts[\(index)].uidMappings", "is missing: there are gidMappings")
      faults.require(!mount.gidMappings.isEmpty, "mounts[\(index)].gidMappings", "is missing: there are uidMappings")
      check(mount.uidMappings, "mounts[\(index)].uidMappings")
      check(mount.gidMappings, "mounts[\(index)].gidMappings")
      if !isMapped {
        warnings.add("mounts[\(index)].options", "there are mappings and neither idmap nor ridmap: they count as idmap")
      }
    } else {
      faults.require(
        has(.user), "mounts[\(index)].options",
        "idmap needs uidMappings and gidMappings, or a user namespace of the container's own")
    }
  }

  mutating func checkPaths(of linux: Spec.Linux) {
    for (index, path) in linux.maskedPaths.enumerated() { checkAbsolute(path, "linux.maskedPaths[\(index)]") }
    for (index, path) in linux.readonlyPaths.enumerated() { checkAbsolute(path, "linux.readonlyPaths[\(index)]") }
    guard let propagation = linux.rootfsPropagation else { return }
    faults.require(
      Propagation(option: propagation) != nil, "linux.rootfsPropagation",
      "\"\(propagation)\" is none of private, slave, shared, unbindable, each with an r before it too")
  }

  private mutating func checkAbsolute(_ path: String, _ place: @autoclosure () -> String) {
    faults.require(path.utf8.first == UInt8(ascii: "/"), place(), "\"\(path)\" is not an absolute path")
  }

  mutating func checkDevices(of linux: Spec.Linux) {
    for (index, device) in linux.devices.enumerated() {
      checkAbsolute(device.path, "linux.devices[\(index)].path")
      switch device.type {
      case "c", "u", "b":
        faults.require(
          (0...Int64(Self.largestMajor)).contains(device.major), "linux.devices[\(index)].major",
          "\(device.major) is no major number")
        faults.require(
          (0...Int64(Self.largestMinor)).contains(device.minor), "linux.devices[\(index)].minor",
          "\(device.minor) is no minor number")
      case "p": break
      default: faults.add("linux.devices[\(index)].type", "\"\(device.type)\" is none of c, u, b and p")
      }
      faults.require(device.uid != .max, "linux.devices[\(index)].uid", "\(UInt32.max) is no user")
      faults.require(device.gid != .max, "linux.devices[\(index)].gid", "\(UInt32.max) is no group")
      for other in linux.devices[..<index] where other.path == device.path && other != device {
        warnings.add("linux.devices[\(index)].path", "\"\(device.path)\" is another device before: the last one counts")
      }
    }
  }

  /// 12 and 20 bits (MKDEV of linux/kdev_t.h).
  static let largestMajor: UInt32 = 1 << 12 - 1
  static let largestMinor: UInt32 = 1 << 20 - 1

  /// Where the container stands on the host: its groups, its memory, its shares of the caches.
  mutating func checkPlacement(of linux: Spec.Linux) {
    if let policy = linux.memoryPolicy { _ = MemoryPolicy(policy, &faults) }
    if let personality = linux.personality { _ = Personality(personality, &faults) }
    if let shares = linux.intelRdt, let host { faults.checkResourceControl(shares, on: host.resourceControl) }
    checkLabel(linux.mountLabel)
    guard let path = linux.cgroupsPath else { return }
    faults.require(
      path.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "linux.cgroupsPath", "holds a control character")
    let parts = path.utf8.split(separator: UInt8(ascii: "/"))
    faults.require(
      parts.allSatisfy { !$0.elementsEqual("..".utf8) }, "linux.cgroupsPath", "\"\(path)\" leads upwards")
  }

  private mutating func checkLabel(_ label: String?) {
    faults.require(
      label?.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\"") } != false, "linux.mountLabel",
      "holds a quotation mark or a control character")
  }
}
