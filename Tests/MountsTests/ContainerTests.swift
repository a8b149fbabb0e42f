import Kernel
import Rooted
import Steps
import Testing

@testable import Mounts

private let isRoot = effectiveUser() == 0

/// A whole container's mounts, for real, with the calls of today and with each that a filter may hide.
@Suite(.enabled(if: isRoot, "mounting needs root"))
struct ContainerTests {
  static let hidden: [[SystemCallNumber]] = [
    [], [.openFileSystem], [.openTree], [.moveMount], [.setMountAttributes], [.openat2],
    [.openFileSystem, .configureFileSystem, .createMount, .openTree, .moveMount, .setMountAttributes],
    SystemCallNumber.allCases,
  ]

  @Test("docker's default mounts", arguments: hidden)
  func dockerDefaults(_ calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try fixture.write("hosts", "127.0.0.1 localhost\n")
      try inSandbox([.ipc, .uts], hiding: calls) {
        var executor = MountExecutor()
        let hosts = BindMount(
          source: directory.appending("hosts"), target: "/etc/hosts", set: [.noSetUserId, .readOnly],
          propagation: .private)
        try fixture.perform(
          [.setPropagation(.slave), .mountOverlay(fixture.overlay)] + Fixture.dockerDefaults
            + [.bind(hosts), .pivotRoot] + Fixture.restrictions + [.makeRootReadOnly], with: &executor)
        try Self.verify()
      }
      // All of it was in the sandbox; the changes are in the upper directory.
      #expect(try entries(of: fixture.target).isEmpty)
      #expect(try entries(of: fixture.layer).map(\.name.string).sorted() == ["etc", "usr"])
      #expect(exists(fixture.upper.appending("work/deep")))
      #expect(try status(of: fixture.upper.appending("work/deep")).mode == 0o750)
    }
  }

  private static func verify() throws {
    try require(try workingDirectory() == "/", "the working directory is the new root")
    try require(try readText("/etc/os-release") == "ID=test", "the image's file is there")
    try require(try readText("/etc/hosts") == "127.0.0.1 localhost", "the bound file is there")
    try require(!exists("/outside") && !exists("/bin"), "nothing of the host is there")
    try require(try errno { try makeDirectory("/x", mode: 0o755) } == .readOnlyFileSystem, "the root is read-only")
    try require(
      try errno { try writeControl("/etc/hosts", "x") } == .readOnlyFileSystem, "the bound file is read-only")
    let lines = try MountLine.all()
    func line(_ point: String) throws -> MountLine {
      guard let found = lines.last(where: { $0.point == point }) else { throw Broken(description: "no \(point)") }
      return found
    }
    try require(try line("/").type == "overlay" && lines[0].point == "/", "the overlay is the first mount")
    // Linux 6.18 writes it as fsync=volatile.
    let isVolatile = try !line("/").superOptions.isDisjoint(with: ["volatile", "fsync=volatile"])
    try require(isVolatile, "\(try line("/").superOptions)")
    for (point, type, options) in [
      ("/proc", "proc", ["nosuid", "nodev", "noexec", "relatime", "rw"]), ("/dev", "tmpfs", ["nosuid"]),
      ("/dev/pts", "devpts", ["nosuid", "noexec"]), ("/dev/shm", "tmpfs", ["nosuid", "nodev", "noexec"]),
      ("/sys", "sysfs", ["ro", "nosuid", "nodev", "noexec"]), ("/dev/mqueue", "mqueue", ["nosuid"]),
      ("/etc/hosts", try line("/etc/hosts").type, ["ro", "nosuid"]), ("/proc/sys", "proc", ["ro", "nosuid", "noexec"]),
      ("/proc/irq", "proc", ["ro"]),
    ] as [(String, String, [String])] {
      let found = try line(point)
      try require(found.type == type, "\(point) is \(found.type)")
      try require(found.options.isSuperset(of: options), "\(point) has \(found.options)")
    }
    try require(try line("/dev").options.isDisjoint(with: ["relatime", "noatime"]), "strictatime is kept")
    try require(try line("/dev/pts").superOptions.isSuperset(of: ["gid=5", "mode=620", "ptmxmode=666"]), "devpts")
    try require(try line("/dev/shm").superOptions.contains("size=65536k"), "shm has its size")
    try require(try status(of: "/dev/shm").mode == 0o1777, "shm is for everybody")
    let null = try status(of: "/dev/null", followLinks: false)
    try require(null.kind == .characterDevice && null.mode == 0o666, "\(null)")
    try require(null.device == DeviceNumber(major: 1, minor: 3), "\(null)")
    try require(try readSymbolicLink("/dev/fd") == "/proc/self/fd", "the link")
    for path in Fixture.masked {
      guard let found = try? status(of: path, followLinks: false) else { continue }
      if found.kind == .directory {
        try require(try entries(of: path).isEmpty, "\(path) is empty")
        try require(try errno { try makeDirectory(path.appending("x"), mode: 0o755) } == .readOnlyFileSystem, "\(path)")
      } else {
        try require(found.kind == .characterDevice, "\(path) is the null device")
        try require(try readFile(path).isEmpty, "\(path) reads empty")
      }
    }
    try require(exists("/proc/kcore") || exists("/proc/timer_list") || exists("/proc/keys"), "something was masked")
  }

  @Test("a directory as the root", arguments: [[], SystemCallNumber.allCases])
  func directoryRoot(_ calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox(hiding: calls) {
        var executor = MountExecutor()
        try fixture.perform(
          [.setPropagation(.private), .bindRoot(fixture.layer), .makeDirectory("/made", mode: 0o700), .pivotRoot],
          with: &executor)
        try require(try readText("/etc/os-release") == "ID=test", "the directory is the root")
        try executor.perform(.setRootPropagation(.shared))
      }
      #expect(exists(fixture.layer.appending("made")))
    }
  }

  @Test("more layers than the kernel stacks are refused by their number")
  func tooManyLayers() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      var overlay = fixture.overlay
      overlay.lower = Array(repeating: overlay.lower[0], count: 501)
      try inSandbox { [overlay] in
        var executor = MountExecutor()
        let fault = #expect(throws: Fault.self) { try executor.perform(.mountOverlay(overlay)) }
        try require(
          fault?.description == "mount(overlay of 501 layers): invalid argument", "\(String(describing: fault))")
        try require(fault?.hint?.contains("at most 500") == true, "\(String(describing: fault?.hint))")
      }
    }
  }

  @Test("an image of many layers mounts", arguments: [[], [SystemCallNumber.openFileSystem]], [1, 2, 100, 300])
  func layers(_ calls: [SystemCallNumber], _ count: Int) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      // Names that a string of options could not hold, nor one page.
      var overlay = fixture.overlay
      let name = String(repeating: "a", count: 60)
      overlay.lower = try (0..<count).map { number in
        let layer = directory.appending("\(name),:\\\(number)")
        try makeDirectory(layer, mode: 0o755)
        try replaceFile(layer.appending("top"), with: Array("\(number)".utf8), durable: false)
        try replaceFile(layer.appending("only\(number)"), with: [], durable: false)
        return layer
      }
      for isReadOnly in [false, true] {
        var overlay = overlay
        if isReadOnly { (overlay.upper, overlay.work, overlay.isVolatile) = (nil, nil, false) }
        let target = overlay.target
        try inSandbox(hiding: calls) { [overlay] in
          var executor = MountExecutor()
          try fixture.perform([.setPropagation(.private), .mountOverlay(overlay)], with: &executor)
          try require(try readText(target.appending("top")) == "0", "the first layer is on top")
          for number in 0..<count { try require(exists(target.appending("only\(number)")), "layer \(number)") }
          let refused = try errno { try replaceFile(target.appending("new"), with: [1], durable: false) }
          try require(refused == (isReadOnly ? .readOnlyFileSystem : nil), "\(String(describing: refused))")
          try require(try workingDirectory() != "/proc/self/fd", "the working directory is restored")
        }
      }
      #expect(exists(directory.appending("upper/new")))
    }
  }

  @Test(
    "the label of a masked directory comes to the kernel, which refuses one where it has no SELinux",
    .disabled(if: SecurityModules.current().hasSELinux, "this kernel has SELinux"))
  func labelOfAMask() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox {
        var executor = MountExecutor()
        try executor.perform(.mountOverlay(fixture.overlay))
        try executor.perform(.makeDirectory("/hidden", mode: 0o755))
        let fault = #expect(throws: Fault.self) { try executor.perform(.mask("/hidden", label: "u:r:t:s0")) }
        #expect(fault?.errno == .invalid)
        #expect(throws: Never.self) { try executor.perform(.mask("/hidden")) }
      }
    }
  }

  @Test("a fault of the overlay says why")
  func overlayFaults() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      var overlay = fixture.overlay
      overlay.lower = [directory.appending("missing")]
      try inSandbox { [overlay] in
        var executor = MountExecutor()
        let fault = #expect(throws: Fault.self) { try executor.perform(.mountOverlay(overlay)) }
        #expect(fault?.errno == .noSuchFile)
        #expect(fault?.hint != nil)
        var other = fixture.overlay
        other.work = "/proc"
        let kernels = #expect(throws: Fault.self) { try executor.perform(.mountOverlay(other)) }
        // The kernel's own words.
        #expect(kernels?.hint?.contains("overlay") == true)
        let early = #expect(throws: Fault.self) { try executor.perform(.mask("/proc/kcore")) }
        #expect(early?.arguments.contains("before the root") == true)
      }
    }
  }
}
