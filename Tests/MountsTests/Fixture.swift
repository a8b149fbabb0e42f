import Kernel
import Steps

@testable import Mounts

/// An image of one layer, an upper directory, and a place on the host.
struct Fixture: Sendable {
  let directory: Path
  var layer: Path { directory.appending("layer") }
  var upper: Path { directory.appending("upper") }
  var target: Path { directory.appending("rootfs") }

  init(in directory: Path) throws {
    self.directory = directory
    for name in ["layer/etc", "layer/usr/lib", "upper", "work", "rootfs", "outside"] {
      try makeDirectories(directory.appending(name), mode: 0o755)
    }
    try write("layer/etc/os-release", "ID=test\n")
    try write("outside/secret", "outside")
  }

  func write(_ name: String, _ text: String) throws {
    try replaceFile(directory.appending(name), with: Array(text.utf8), mode: 0o644, durable: false)
  }

  func link(_ name: String, _ target: Path) throws { try makeSymbolicLink(directory.appending(name), to: target) }

  var overlay: OverlayMount {
    OverlayMount(target: target, lower: [layer], upper: upper, work: directory.appending("work"), isVolatile: true)
  }

  /// Performs all; the step that fails is named.
  func perform(_ steps: [MountStep], with executor: inout MountExecutor) throws {
    for step in steps {
      do { try executor.perform(step) } catch {
        throw Broken(description: "\(step): \(error) \(error.hint ?? "")")
      }
    }
  }

  /// What docker asks of its containers.
  static var dockerDefaults: [MountStep] {
    let hidden: MountAttributes = [.noSetUserId, .noDevices, .noExecute]
    var steps: [MountStep] = [
      .mount(FileSystemMount(type: "proc", source: "proc", target: "/proc", attributes: hidden)),
      .mount(
        FileSystemMount(
          type: "tmpfs", source: "tmpfs", target: "/dev", attributes: [.noSetUserId, .strictAccessTime],
          options: ["mode=755", "size=65536k"])),
      .mount(
        FileSystemMount(
          type: "devpts", source: "devpts", target: "/dev/pts", attributes: [.noSetUserId, .noExecute],
          options: ["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"])),
      .mount(FileSystemMount(type: "sysfs", source: "sysfs", target: "/sys", attributes: hidden.union(.readOnly))),
      .mount(FileSystemMount(type: "mqueue", source: "mqueue", target: "/dev/mqueue", attributes: hidden)),
      .mount(
        FileSystemMount(
          type: "tmpfs", source: "shm", target: "/dev/shm", attributes: hidden, options: ["mode=1777", "size=64m"])),
    ]
    let devices: [(Path, UInt32, UInt32)] = [
      ("/dev/null", 1, 3), ("/dev/zero", 1, 5), ("/dev/full", 1, 7), ("/dev/random", 1, 8), ("/dev/urandom", 1, 9),
      ("/dev/tty", 5, 0),
    ]
    steps += devices.map {
      .makeDevice(
        DeviceNode(path: $0.0, kind: .characterDevice, device: DeviceNumber(major: $0.1, minor: $0.2), mode: 0o666))
    }
    steps += [
      .makeSymbolicLink("/dev/fd", target: "/proc/self/fd"), .makeSymbolicLink("/dev/ptmx", target: "pts/ptmx"),
      .makeDirectory("/work/deep", mode: 0o750),
    ]
    return steps
  }

  static let masked: [Path] = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
  ]
  static let readOnly: [Path] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

  static var restrictions: [MountStep] { masked.map { MountStep.mask($0) } + readOnly.map(MountStep.makeReadOnly) }
}
