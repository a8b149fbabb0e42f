package import Kernel

/// Why resources cannot become steps on this host: found before anything was changed.
package enum CgroupError: Error, Hashable, Sendable {
  case notMounted
  /// No hierarchy has the controller that `purpose` needs.
  case missingController(String, purpose: String)
  /// The host has it, but it was not delegated to this user.
  case notDelegated(String, purpose: String)
  case readOnly(mount: Path)
  case badGroup(String, reason: String)
  case badValue(of: String, value: String, allowed: String)
  case swapBelowMemory(swap: Int64, memory: Int64)
  case swapWithoutMemory
  case noSwapAccounting
  case belowUsage(limit: Int64, usage: Int64)
  /// Exceptions that v1's device controller has no way to say.
  case inexpressibleDevices(String)
  case notInV2(String)
  case onlyInV2(String)

  /// What to do about it.
  package var hint: String? {
    switch self {
    case .notMounted: "mount cgroup2 on /sys/fs/cgroup, or let systemd do it"
    case .missingController(let name, let purpose):
      switch name {
      case "memory": "leave out \(purpose), or start the kernel with cgroup_enable=memory"
      default:
        "leave out \(purpose), or use a kernel that has the \(name) controller and does not disable it (cgroup_disable=)"
      }
    case .notDelegated(let name, let purpose):
      "leave out \(purpose), or let root delegate the controller: systemctl edit user@.service, with [Service] and "
        + "Delegate=\(Set(["cpu", "memory", "pids", name]).sorted().joined(separator: " "))"
    case .readOnly: "in a container, mount it read-write (with docker: --privileged or --cgroupns=private)"
    case .swapBelowMemory: "the swap limit counts memory and swap together, so it is at least the memory limit"
    case .swapWithoutMemory: "give a memory limit as well"
    case .noSwapAccounting: "leave out the swap limit, or start the kernel with swapaccount=1"
    case .belowUsage: "give a limit above what is in use, or free memory first"
    case .inexpressibleDevices: "name the devices one by one"
    case .badGroup, .badValue, .notInV2, .onlyInV2: nil
    }
  }
}

extension CgroupError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notMounted: "no cgroup hierarchy is mounted"
    case .missingController(let name, let purpose):
      "\(purpose) needs the cgroup controller \(name), which this host does not have"
    case .notDelegated(let name, let purpose):
      "\(purpose) needs the cgroup controller \(name), which was not delegated to this user"
    case .readOnly(let mount): "the cgroup file system on \(mount) is mounted read-only"
    case .badGroup(let group, let reason): "cgroup \"\(group)\": \(reason)"
    case .badValue(let what, let value, let allowed): "\(what) \(value): must be \(allowed)"
    case .swapBelowMemory(let swap, let memory): "swap limit \(swap) is below the memory limit \(memory)"
    case .swapWithoutMemory: "a swap limit without a memory limit"
    case .noSwapAccounting: "this kernel does not count swap, so a swap limit cannot be set"
    case .belowUsage(let limit, let usage): "memory limit \(limit) is below the \(usage) bytes in use"
    case .inexpressibleDevices(let rule): "device rule \"\(rule)\" cannot be told to the v1 device controller"
    case .notInV2(let what): "\(what) exists in cgroup v1 only, and this host has v2"
    case .onlyInV2(let what): "\(what) exists in cgroup v2 only, and this host has v1"
    }
  }
}
