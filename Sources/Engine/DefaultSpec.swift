internal import Kernel
internal import RuntimeSpec

/// What every container gets unless it was asked otherwise: docker's defaults of today, in the specification's words.
enum DefaultSpec {
  static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  static func mounts(sharedMemory: Int) -> [Spec.Mount] {
    [
      Spec.Mount(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
      Spec.Mount(
        destination: "/dev", type: "tmpfs", source: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
      Spec.Mount(
        destination: "/dev/pts", type: "devpts", source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
      Spec.Mount(destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]),
      Spec.Mount(
        destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
        options: ["ro", "nosuid", "noexec", "nodev"]),
      Spec.Mount(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
      Spec.Mount(
        destination: "/dev/shm", type: "tmpfs", source: "shm",
        options: ["nosuid", "noexec", "nodev", "mode=1777", "size=\(sharedMemory)"]),
    ]
  }

  /// What every container has mounted, by the paths that are made for it where the image lacks them. Targets of -v and
  /// --tmpfs are not among them: docker keeps those directories in a commit too.
  static let mountPoints = directoryMountPoints + fileMountPoints
  static let directoryMountPoints: [Path] = ["/dev", "/proc", "/sys"]
  static let fileMountPoints: [Path] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"]

  /// Kernel interfaces that tell or change what is not the container's.
  static let maskedPaths = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
    "/sys/firmware",
  ]

  static let readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

  /// Nothing, then what `Default Devices` of the specification and a terminal need. mknod of any device is allowed: making
  /// a node gives nothing that opening it would not have to be allowed for.
  static let deviceRules: [Spec.DeviceRule] =
    [
      Spec.DeviceRule(allow: false, access: "rwm"),
      Spec.DeviceRule(allow: true, type: "c", access: "m"),
      Spec.DeviceRule(allow: true, type: "b", access: "m"),
      Spec.DeviceRule(allow: true, type: "c", major: 136, access: "rwm"),
    ]
    + [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)].map { (major: Int64, minor: Int64) in
      Spec.DeviceRule(allow: true, type: "c", major: major, minor: minor, access: "rwm")
    }

  /// What a privileged container may do with devices: everything.
  static let allDevices = [Spec.DeviceRule(allow: true, access: "rwm")]
}
