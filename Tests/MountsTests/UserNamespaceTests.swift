import Foundation
import Kernel
import Steps
import Testing

@testable import Mounts

/// What the parent opens for a container whose root is id 100000 of the host.
@Suite(.enabled(if: effectiveUser() == 0, "mounting needs root"))
struct UserNamespaceTests {
  /// The user namespace of a process that was made for it.
  private func withUserNamespace(_ body: (BorrowedDescriptor) throws -> Void) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
    process.arguments = ["--user", "sleep", "60"]
    try process.run()
    defer {
      // A thread of the tests may block SIGTERM, and so does what it starts.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    let place = "/proc/\(process.processIdentifier)"
    let own = try readSymbolicLink("/proc/self/ns/user")
    while try readSymbolicLink(Path("\(place)/ns/user")) == own { usleep(1000) }
    try writeControl(Path("\(place)/uid_map"), "0 100000 65536\n")
    try writeControl(Path("\(place)/gid_map"), "0 200000 65536\n")
    let namespace = try open(Path("\(place)/ns/user"), .readOnly)
    try body(namespace.borrowed)
  }

  /// As the launcher does it: opened here, sent over a socket, attached by the executor.
  private func build(
    _ steps: [MountStep], _ namespace: BorrowedDescriptor, owner: HostIdentity?
  ) throws -> Path {
    let pair = try makeSocketPair(.sequencedPacket)
    let sources = try openSources(of: steps, userNamespace: namespace, owner: owner)
    try require(sources.descriptors.count == steps.count { $0.needsHost }, "one for each")
    _ = try pair.first.borrowed.sendMessage([1], descriptors: sources.descriptors)
    var byte: [UInt8] = [0]
    var message = try pair.second.borrowed.receiveMessage(into: &byte, descriptorLimit: 253)
    var executor = MountExecutor()
    executor.adopt(&message.descriptors)
    for step in steps { try executor.perform(step) }
    return "/"
  }

  private let root = HostIdentity(user: 100_000, group: 200_000)

  /// Without fsopen(2) the layers are attached in a mount namespace of their own and overlay is mounted by mount(2), as before
  /// Linux 6.8.
  @Test(
    "owners of an overlay are shifted, and what is written is kept with the ids it has inside",
    arguments: [[], [.openFileSystem]] as [[SystemCallNumber]])
  func overlay(hiding calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try setOwner(of: fixture.layer.appending("usr"), user: 33, group: 34)
      try makeDirectory(directory.appending("top"), mode: 0o755)
      var overlay = fixture.overlay
      overlay.lower.insert(directory.appending("top"), at: 0)
      try fixture.write("hosts", "x\n")
      try withUserNamespace { namespace in
        let steps: [MountStep] = [
          .mountOverlay(overlay),
          .bind(BindMount(source: directory.appending("hosts"), target: "/etc/hosts", set: .identityMapped)),
          .bind(BindMount(source: directory.appending("hosts"), target: "/etc/plain", set: .readOnly)),
          .makeDevice(
            DeviceNode(
              path: "/dev/null", kind: .characterDevice, device: DeviceNumber(major: 1, minor: 3), mode: 0o666,
              isBound: true)), .pivotRoot,
        ]
        try inSandbox(hiding: calls) {
          // The child is this one to the host.
          try withFileSystemIdentity(user: root.user, group: root.group) { () throws(Fault) in
            do { _ = try build(steps, namespace, owner: root) } catch let fault as Fault { throw fault } catch {
              throw Fault("build", .invalid, arguments: "\(error)")
            }
            try replaceFile("/usr/new", with: [1], durable: false)
            try replaceFile("/etc/os-release", with: [2], durable: false)
          }
          for (path, user, group) in [
            ("/", 100_000, 200_000), ("/etc/os-release", 100_000, 200_000), ("/usr", 100_033, 200_034),
            ("/usr/new", 100_000, 200_000), ("/etc/hosts", 100_000, 200_000), ("/etc/plain", 0, 0), ("/dev/null", 0, 0),
          ] as [(Path, UInt32, UInt32)] {
            let found = try status(of: path)
            try require(found.owner == user && found.group == group, "\(path) \(found.owner):\(found.group)")
          }
          try require(try errno { try writeControl("/etc/plain", "x") } == .readOnlyFileSystem, "attributes are set")
        }
      }
      for name in ["upper/usr/new", "upper/etc/os-release"] {
        let found = try status(of: directory.appending(name))
        #expect(found.owner == 0 && found.group == 0, "\(name)")
      }
      #expect(try status(of: directory.appending("upper/usr")).owner == 33)
    }
  }

  /// docker's own directory is a shared mount where it maps ids: the root would be one of its peers, and pivot_root refuses that.
  @Test("a root on a shared mount sends nothing there", arguments: [true, false])
  func sharedRoot(_ shifts: Bool) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try withUserNamespace { namespace in
        try inSandbox {
          try mount(source: directory, on: directory, flags: .bind)
          try mount(source: "", on: directory, flags: .shared)
          _ = try build([.bindRoot(fixture.layer), .pivotRoot], namespace, owner: shifts ? root : nil)
          try require(exists("/etc/os-release"), "the root is the layer")
        }
      }
    }
  }

  @Test("a directory as the root, with owners shifted or as it lies", arguments: [true, false])
  func directoryRoot(_ shifts: Bool) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try withUserNamespace { namespace in
        try inSandbox {
          _ = try build([.bindRoot(fixture.layer), .pivotRoot], namespace, owner: shifts ? root : nil)
          let found = try status(of: "/etc/os-release")
          try require(found.owner == (shifts ? 100_000 : 0), "\(found)")
        }
      }
    }
  }

  @Test("the step is the parent's, and idmap needs a user namespace")
  func misplaced() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox {
        var executor = MountExecutor()
        try require(try errno { try executor.perform(.openSources([], owner: nil)) } == .invalid, "the parent's")
        try executor.perform(.bindRoot(fixture.layer))
        let fault = #expect(throws: Fault.self) {
          try executor.perform(.bind(BindMount(source: "/etc", target: "/x", set: .identityMapped)))
        }
        try require(fault?.hint?.contains("idmap") == true, "\(String(describing: fault))")
      }
    }
  }
}
