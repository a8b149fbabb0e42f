import Foundation
import Testing

/// A sandbox for one flag after the other: containers without a network, of busybox's commands.
struct FlagBench {
  let sandbox: Sandbox

  static let obstacle: String? = {
    if getuid() != 0 { return "containers need root" }
    return FileManager.default.isExecutableFile(atPath: "/bin/busybox") ? nil : "no busybox"
  }()

  /// Containers that `body` leaves running are removed.
  static func with(_ body: (FlagBench) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer {
      let left = (try? sandbox.skiff(["ps", "-aq"]).output.split(separator: "\n").map(String.init)) ?? []
      if !left.isEmpty { _ = try? sandbox.skiff(["rm", "-f"] + left) }
      sandbox.remove()
    }
    try body(FlagBench(sandbox: sandbox))
  }

  /// `run --rm` with these flags; the shell's line is the container's program.
  func run(_ flags: String..., line: String = "true") throws -> Sandbox.Result {
    try sandbox.skiff(
      ["run", "--rm", "--network", "none"] + flags + ["--rootfs", sandbox.rootfs, "sh", "-c", line])
  }

  /// `run -d --name NAME`, which must succeed.
  func start(_ name: String, _ flags: String..., line: String = "sleep 1000") throws {
    let started = try sandbox.skiff(
      ["run", "-d", "--name", name, "--network", "none"] + flags + ["--rootfs", sandbox.rootfs, "sh", "-c", line])
    try #require(started.code == 0, "\(started)")
  }

  func inspect(_ name: String, _ template: String) throws -> String {
    try sandbox.skiff(["inspect", "-f", template, name]).output.trimmingCharacters(in: .newlines)
  }
}
