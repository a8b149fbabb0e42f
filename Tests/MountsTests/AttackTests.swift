import Kernel
import Steps
import Testing

@testable import Mounts

private let isRoot = effectiveUser() == 0

/// What a hostile image tries on the runtime that mounts below it (SECURITY.md). Each starts from the image's directory
/// as the root, so that whatever is made in the wrong place can be seen.
@Suite(.enabled(if: isRoot, "mounting needs root"))
struct AttackTests {
  static let calls: [[SystemCallNumber]] = [[], SystemCallNumber.allCases]

  /// The image is prepared, then its steps are performed. Returns the fault, and what is mounted outside of the root.
  private func attack(
    hiding calls: [SystemCallNumber], _ prepare: (Fixture) throws -> Void, _ steps: @Sendable (Fixture) -> [MountStep],
    then check: @escaping @Sendable (Fixture, Fault?) throws -> Void
  ) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try prepare(fixture)
      let steps = steps(fixture)
      try inSandbox([.ipc], hiding: calls) {
        let before = Set(try MountLine.all().map(\.point))
        var executor = MountExecutor()
        try executor.perform(.bindRoot(fixture.layer))
        var fault: Fault?
        do { for step in steps { try executor.perform(step) } } catch let error as Fault { fault = error }
        for line in try MountLine.all() where !before.contains(line.point) {
          try require(line.point.hasPrefix(fixture.layer.string), "\(line.point) is outside of the root")
        }
        try check(fixture, fault)
      }
      #expect(try entries(of: directory.appending("outside")).map(\.name) == ["secret"])
      #expect(try readText(directory.appending("outside/secret")) == "outside")
    }
  }

  @Test("/proc, /sys or /dev as a link", arguments: ["proc", "sys", "dev"], calls)
  func kernelDirectoriesAreReal(_ name: String, _ calls: [SystemCallNumber]) throws {
    try attack(hiding: calls) { fixture in
      try fixture.link("layer/\(name)", fixture.directory.appending("outside"))
    } _: { _ in
      let type: Path = name == "dev" ? "tmpfs" : name == "sys" ? "sysfs" : "proc"
      return [.mount(FileSystemMount(type: type, source: type, target: Path("/\(name)")))]
    } then: { _, fault in
      try require(fault?.errno == .tooManyLinks, "\(String(describing: fault))")
      try require(fault?.hint?.contains("real directory") == true, "the hint says what is wrong")
    }
  }

  @Test("/dev/shm below a link", arguments: calls)
  func belowLink(_ calls: [SystemCallNumber]) throws {
    try attack(hiding: calls) { fixture in
      try fixture.link("layer/dev", "usr/lib")
    } _: { _ in
      [.mount(FileSystemMount(type: "tmpfs", source: "shm", target: "/dev/shm"))]
    } then: { fixture, fault in
      try require(fault?.errno == .tooManyLinks, "\(String(describing: fault))")
      try require(!exists(fixture.layer.appending("usr/lib/shm")), "nothing was made behind the link")
    }
  }

  @Test("the null device of the image is a link to a switch of the kernel", arguments: calls)
  func nullIsALink(_ calls: [SystemCallNumber]) throws {
    try attack(hiding: calls) { fixture in
      try makeDirectory(fixture.layer.appending("dev"), mode: 0o755)
      try fixture.link("layer/dev/null", "/proc/sys/kernel/hostname")
    } _: { _ in
      [
        .mount(FileSystemMount(type: "proc", source: "proc", target: "/proc")), .mask("/proc/keys"),
        .makeDevice(
          DeviceNode(
            path: "/dev/null", kind: .characterDevice, device: DeviceNumber(major: 1, minor: 3), mode: 0o666)),
      ]
    } then: { fixture, fault in
      // With the calls of today the mask is the host's null device; with mount(2) the image's is looked at and refused.
      // In both cases no device is taken for one that it is not.
      try require(fault != nil, "a link in the place of a device is refused")
      let masked = try status(of: fixture.layer.appending("proc/keys"), followLinks: false)
      if calls.isEmpty {
        try require(masked.kind == .characterDevice && masked.device == DeviceNumber(major: 1, minor: 3), "\(masked)")
        try require(fault?.hint?.contains("is not the device") == true, "\(String(describing: fault))")
      } else {
        try require(masked.kind == .regular, "what is not the null device masks nothing")
      }
    }
  }

  @Test("a mount over a part of /proc", arguments: calls)
  func coveringProc(_ calls: [SystemCallNumber]) throws {
    for path in ["/proc/self/attr", "/proc/sys", "/proc", "/link/attr"] as [Path] {
      try attack(hiding: calls) { fixture in
        try fixture.link("layer/link", "/proc/self")
      } _: { fixture in
        [
          .mount(FileSystemMount(type: "proc", source: "proc", target: "/proc")),
          .mount(FileSystemMount(type: "tmpfs", source: "tmpfs", target: path)),
        ]
      } then: { _, fault in
        try require(fault != nil, "\(path) is refused")
      }
    }
    try attack(hiding: calls) { _ in
    } _: { fixture in
      [
        .mount(FileSystemMount(type: "proc", source: "proc", target: "/proc")),
        .bind(BindMount(source: fixture.directory.appending("outside"), target: "/proc/self/attr")),
      ]
    } then: { _, fault in
      try require(fault?.errno == .notPermitted, "\(String(describing: fault))")
    }
  }

  @Test("bind targets behind links", arguments: calls)
  func bindTargets(_ calls: [SystemCallNumber]) throws {
    try attack(hiding: calls) { fixture in
      try fixture.link("layer/data", fixture.directory.appending("outside"))
      try fixture.link("layer/climb", "../../../../../../../..\(fixture.directory)/outside")
      try fixture.link("layer/etc/resolv.conf", Path("\(fixture.directory)/outside/secret"))
    } _: { fixture in
      [
        .bind(BindMount(source: fixture.directory.appending("layer/usr"), target: "/climb")),
        .bind(BindMount(source: fixture.directory.appending("layer/usr"), target: "/data/deep")),
        .bind(BindMount(source: fixture.directory.appending("layer/etc/os-release"), target: "/etc/resolv.conf")),
        .makeDirectory("/data/made", mode: 0o755), .makeSymbolicLink("/climb/../../../../x", target: "y"),
      ]
    } then: { fixture, fault in
      try require(fault == nil, "\(String(describing: fault))")
      let inside = fixture.layer.appending(fixture.directory).appending("outside")
      try require(exists(inside.appending("deep/lib")), "what the link names is made inside")
      try require(try readText(inside.appending("secret")) == "ID=test", "the file is bound inside")
      try require(exists(fixture.layer.appending("x"), followLinks: false), ".. of the root is the root")
    }
  }

  @Test("a console, a file, a directory that is not what it should be", arguments: calls)
  func wrongKinds(_ calls: [SystemCallNumber]) throws {
    try attack(hiding: calls) { fixture in
      try makeDirectory(fixture.layer.appending("dev"), mode: 0o755)
      try fixture.link("layer/dev/console", Path("\(fixture.directory)/outside/secret"))
      try makeDirectory(fixture.layer.appending("etc/hosts"), mode: 0o755)
    } _: { _ in
      []
    } then: { fixture, _ in
      try inConsole { terminal in
        var executor = MountExecutor()
        try executor.perform(.bindRoot(fixture.layer))
        let fault = try errno { try executor.perform(.bindConsole, terminal: terminal) }
        try require(fault == .tooManyLinks, "\(String(describing: fault))")
        let source = fixture.layer.appending("etc/os-release")
        let other = try errno { try executor.perform(.bind(BindMount(source: source, target: "/etc/hosts"))) }
        try require(other == .notDirectory, "\(String(describing: other))")
      }
    }
  }

  @Test("a racer that swaps mount targets for links", arguments: calls)
  func racer(_ calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try makeDirectories(fixture.layer.appending("data/target"), mode: 0o755)
      try fixture.link("layer/data/absolute", directory.appending("outside"))
      try fixture.link("layer/data/climb", "../../../../../../../..\(directory)/outside")
      let data = fixture.layer.appending("data")
      let mounted = try whileRepeating {
        try? rename(data.appending("target"), to: data.appending("absolute"), .exchange)
        try? rename(data.appending("target"), to: data.appending("climb"), .exchange)
      } _: {
        try inSandbox(hiding: calls) {
          let before = Set(try MountLine.all().map(\.point))
          var executor = MountExecutor()
          try executor.perform(.bindRoot(fixture.layer))
          let source = fixture.layer.appending("usr")
          for _ in 0..<1000 {
            try? executor.perform(.bind(BindMount(source: source, target: "/data/target", isRecursive: false)))
            try? executor.perform(
              .mount(FileSystemMount(type: "tmpfs", source: "tmpfs", target: "/data/target/lib", copiesUp: true)))
            try? executor.perform(.makeReadOnly("/data/target"))
            try? executor.perform(.makeDirectory("/data/target/made", mode: 0o755))
          }
          let lines = try MountLine.all().filter { !before.contains($0.point) }
          for line in lines {
            try require(line.point.hasPrefix(fixture.layer.string), "\(line.point) is outside of the root")
          }
          return lines.count
        }
      }
      // A race that was never won would prove nothing.
      #expect(mounted > 100)
      #expect(try entries(of: directory.appending("outside")).map(\.name) == ["secret"])
    }
  }
}

/// The slave of a new pseudo terminal of the host.
func inConsole(_ body: (BorrowedDescriptor) throws -> Void) throws {
  let master = try open("/dev/ptmx", [.readWrite, .noControllingTerminal])
  try unlockPseudoTerminal(master.borrowed)
  let peer = try openPseudoTerminalPeer(of: master.borrowed)
  try body(peer.borrowed)
}
