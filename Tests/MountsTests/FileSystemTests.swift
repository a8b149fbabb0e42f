import Kernel
import Steps
import Testing

@testable import Mounts

private let isRoot = effectiveUser() == 0

@Suite(.enabled(if: isRoot, "mounting needs root"))
struct FileSystemTests {
  static let calls: [[SystemCallNumber]] = [[], SystemCallNumber.allCases]

  @Test("tmpcopyup brings what was below", arguments: calls, [MountAttributes(), .readOnly])
  func copiesUp(_ calls: [SystemCallNumber], _ attributes: MountAttributes) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      let place = fixture.layer.appending("etc")
      try fixture.link("layer/etc/link", "os-release")
      try makeHardLink(from: place.appending("os-release"), to: place.appending("second"))
      try makeNode(place.appending("fifo"), kind: .fifo, mode: 0o640)
      try makeDirectories(place.appending("a/b"), mode: 0o2750)
      try setMode(of: place.appending("a/b"), to: 0o2750)
      try setOwner(of: "a", at: try open(place, .path).keep(), user: 12, group: 34)
      try setModified(of: place.appending("a"), to: Timestamp(seconds: 1000, nanoseconds: 5))
      try inSandbox(hiding: calls) {
        var executor = MountExecutor()
        try fixture.perform(
          [
            .bindRoot(fixture.layer),
            .mount(
              FileSystemMount(
                type: "tmpfs", source: "tmpfs", target: "/etc", attributes: attributes, options: ["size=1m"],
                copiesUp: true)),
          ], with: &executor)
        try require(try readText(place.appending("link")) == "ID=test", "files and links")
        let (first, second) = try (status(of: place.appending("os-release")), status(of: place.appending("second")))
        try require(first.inode == second.inode && first.linkCount == 2, "hard links")
        let a = try status(of: place.appending("a"))
        try require(a.owner == 12 && a.group == 34 && a.modified.seconds == 1000, "\(a)")
        try require(try status(of: place.appending("a/b")).mode == 0o2750, "modes")
        try require(try status(of: place.appending("fifo")).kind == .fifo, "special files")
        let refused = try errno { try replaceFile(place.appending("new"), with: [1], durable: false) }
        try require(refused == (attributes.isEmpty ? nil : .readOnlyFileSystem), "\(String(describing: refused))")
      }
      #expect(!exists(place.appending("new")))
    }
  }

  @Test("attributes and propagation of bind mounts")
  func binds() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try makeDirectories(fixture.directory.appending("outside/below"), mode: 0o755)
      try inSandbox {
        let outside = fixture.directory.appending("outside")
        try mount(source: "tmpfs", on: outside.appending("below"), type: "tmpfs", flags: .noSetUserId)
        var executor = MountExecutor()
        try executor.perform(.bindRoot(fixture.layer))
        func line(_ place: String) throws -> MountLine? { try MountLine.at("\(fixture.layer)/\(place)") }
        try executor.perform(
          .bind(BindMount(source: outside, target: "/plain", isRecursive: true, set: [.readOnly, .noAccessTime])))
        try require(try line("plain")?.options.isSuperset(of: ["ro", "noatime"]) == true, "the mount's own")
        try require(try line("plain/below")?.options.isSuperset(of: ["rw", "nosuid"]) == true, "not those below")
        try executor.perform(
          .bind(
            BindMount(
              source: outside, target: "/all", setRecursively: [.readOnly, .noExecute],
              clearRecursively: .noSetUserId, propagation: .shared, propagatesRecursively: true)))
        for place in ["all", "all/below"] {
          let found = try line(place)
          try require(found?.options.isSuperset(of: ["ro", "noexec"]) == true, "\(place) \(String(describing: found))")
          try require(found?.options.contains("nosuid") == false, "\(place) is cleared")
          try require(found?.tags.contains { $0.hasPrefix("shared:") } == true, "\(place) is shared")
        }
        try executor.perform(
          .bind(BindMount(source: outside, target: "/one", isRecursive: false, propagation: .unbindable)))
        try require(try line("one/below") == nil, "not recursive")
        try require(try line("one")?.tags == ["unbindable"], "unbindable")
        let missing = #expect(throws: Fault.self) {
          try executor.perform(.bind(BindMount(source: "/no/such/place", target: "/x")))
        }
        try require(missing?.hint?.contains("does not exist on the host") == true, "the hint")
      }
    }
  }

  @Test("without mount_setattr a bind is remounted, and keeps what it had")
  func classicAttributes() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox(hiding: [.setMountAttributes]) {
        let outside = fixture.directory.appending("outside")
        try mount(source: "tmpfs", on: outside, type: "tmpfs", flags: [.noSetUserId, .noExecute, .noAccessTime])
        var executor = MountExecutor()
        try executor.perform(.bindRoot(fixture.layer))
        try executor.perform(
          .bind(BindMount(source: outside, target: "/x", set: .readOnly, clear: .noExecute, propagation: .slave)))
        let found = try MountLine.at("\(fixture.layer)/x")
        try require(
          found?.options == ["ro", "nosuid", "noatime"], "\(String(describing: found?.options))")
        let refused = try errno {
          try executor.perform(.bind(BindMount(source: outside, target: "/y", setRecursively: .readOnly)))
        }
        try require(refused == .noSystemCall, "rro is refused rather than left out")
      }
    }
  }

  @Test("device nodes: owners, nodes that are there, bound ones", arguments: calls)
  func devices(_ calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox(hiding: calls) {
        var executor = MountExecutor()
        try executor.perform(.bindRoot(fixture.layer))
        let zero = DeviceNumber(major: 1, minor: 5)
        var node = DeviceNode(
          path: "/dev/zero", kind: .characterDevice, device: zero, mode: 0o620, owner: 7, group: 8)
        let place = fixture.layer.appending("dev/zero")
        for mode in [0o620, 0o604] as [FileMode] {
          node.mode = mode
          try executor.perform(.makeDevice(node))
          let found = try status(of: place, followLinks: false)
          try require(found.mode == mode && found.owner == 7 && found.group == 8, "\(found)")
        }
        node.device.minor = 3
        try require(try errno { try executor.perform(.makeDevice(node)) } == .exists, "another device is there")
        try executor.perform(.makeDevice(DeviceNode(path: "/dev/pipe", kind: .fifo, device: zero, mode: 0o600)))
        try executor.perform(
          .makeDevice(
            DeviceNode(
              path: "/dev/full", kind: .characterDevice, device: DeviceNumber(major: 1, minor: 7), mode: 0o666,
              isBound: true)))
        try require(try status(of: fixture.layer.appending("dev/full")).device.minor == 7, "bound from the host")
        let other = DeviceNode(path: "/dev/random", kind: .characterDevice, device: zero, mode: 0o666, isBound: true)
        try require(try errno { try executor.perform(.makeDevice(other)) } == .exists, "the host's is another one")
      }
      #expect(try status(of: fixture.layer.appending("dev/full")).kind == .regular)
    }
  }

  @Test("the terminal is /dev/console", arguments: calls)
  func console(_ calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox(hiding: calls) {
        try inConsole { terminal in
          var executor = MountExecutor()
          try executor.perform(.bindRoot(fixture.layer))
          try executor.perform(.bindConsole, terminal: terminal)
          let found = try status(of: fixture.layer.appending("dev/console"))
          try require(try found.device == status(of: terminal).device, "\(found)")
          try require(try errno { try executor.perform(.bindConsole) } == .invalid, "no terminal")
        }
      }
    }
  }

  @Test("a fault of a file system says why")
  func faults() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox {
        var executor = MountExecutor()
        try executor.perform(.bindRoot(fixture.layer))
        let unknown = #expect(throws: Fault.self) {
          try executor.perform(.mount(FileSystemMount(type: "nosuchfs", source: "x", target: "/x")))
        }
        try require(unknown?.errno == .noSuchDevice && unknown?.hint?.contains("nosuchfs") == true, "\(unknown!)")
        let option = #expect(throws: Fault.self) {
          try executor.perform(
            .mount(FileSystemMount(type: "tmpfs", source: "x", target: "/x", options: ["colour=red"])))
        }
        try require(option?.hint?.contains("colour") == true, "\(String(describing: option?.hint))")
      }
    }
  }

  @Test("a sysctl of the namespace is written, whatever the image has in /proc", arguments: calls)
  func sysctl(_ calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox([.uts, .ipc], hiding: calls) {
        var executor = MountExecutor()
        try executor.perform(.bindRoot(fixture.layer))
        try executor.writeSysctl("kernel.msgmax", "4321")
        try require(try readText("/proc/sys/kernel/msgmax") == "4321", "written")
        // The container's own procfs, and then one whose read-only parts would refuse.
        var other = MountExecutor()
        try other.perform(.bindRoot(fixture.layer))
        try other.perform(.mount(FileSystemMount(type: "proc", source: "proc", target: "/proc")))
        try other.writeSysctl("kernel.msgmax", "4322")
        try other.perform(.makeReadOnly("/proc/sys"))
        try other.writeSysctl("kernel.msgmax", "4323")
        try require(try readText("/proc/sys/kernel/msgmax") == "4323", "written")
        try require(
          try errno { try executor.writeSysctl("kernel/../../self/oom_score_adj", "1") } == .invalid, "no way out")
      }
    }
  }
}

extension Descriptor {
  /// For the rest of the test process: a temporary would be closed before the call that it is an argument of.
  consuming func keep() -> BorrowedDescriptor { BorrowedDescriptor(rawValue: release()) }
}
