import Foundation
import Kernel
import Testing

/// Roots that somebody else made, with the whole program against them (SECURITY.md), and user namespaces on them.
@Suite(
  .serialized, .enabled(if: effectiveUser() == 0 && exists("/bin/busybox"), "containers need root, and busybox"))
struct HostileRootTests {
  private func inSandbox(_ body: (Sandbox) throws -> Void) throws {
    let place = try Sandbox()
    defer { place.remove() }
    try body(place)
    for _ in 0..<50 where !place.ranToItsEnd { usleep(100_000) }
    #expect(place.leaks(of: place.identifiers()).isEmpty)
  }

  private func run(_ place: Sandbox, _ words: String...) throws -> Sandbox.Result {
    try place.skiff(["run", "--rm", "--network", "none"] + words)
  }

  @Test(
    "a directory of the kernel's that is a link is refused, and nothing appears behind it",
    arguments: ["proc", "dev", "sys"])
  func kernelDirectories(_ name: String) throws {
    try inSandbox { place in
      let victim = place.folder.appending(path: "victim")
      try FileManager.default.createDirectory(at: victim, withIntermediateDirectories: false)
      try makeSymbolicLink(Path("\(place.rootfs)/\(name)"), to: Path(victim.path))
      let result = try run(place, "--rootfs", place.rootfs, "true")
      #expect(result.code == 125)
      #expect(result.errors.contains("real directory"), "\(result.errors)")
      #expect(try entries(of: Path(victim.path)).isEmpty)
    }
  }

  @Test("files that Skiff puts into /etc land inside, wherever the image's links point")
  func etcLinks() throws {
    try inSandbox { place in
      let victim = place.folder.appending(path: "victim").path
      try replaceFile(Path(victim), with: Array("mine".utf8), durable: false)
      for name in ["resolv.conf", "hosts"] {
        try makeSymbolicLink(Path("\(place.rootfs)/etc/\(name)"), to: Path(victim))
      }
      try makeSymbolicLink(Path("\(place.rootfs)/work"), to: "../../../../../../../../../tmp/skiff-made-by-workdir")
      let result = try run(
        place, "-w", "/work/deep", "--rootfs", place.rootfs, "sh", "-c", "cat /etc/hosts; echo at $PWD")
      #expect(result.code == 0 && result.output.contains("localhost"), "\(result)")
      #expect(try readText(Path(victim)) == "mine")
      #expect(!exists("/tmp/skiff-made-by-workdir"))
    }
  }

  @Test("nothing is mounted over a part of /proc")
  func coveredProc() throws {
    try inSandbox { place in
      // The first has a link in it, /proc/self, which is reason enough.
      for (target, reason) in [("/proc/self/attr", "real directory"), ("/proc/sys/kernel", "part of /proc")] {
        let result = try run(place, "--tmpfs", target, "--rootfs", place.rootfs, "true")
        #expect(result.code == 125 && result.errors.contains(reason), "\(result)")
      }
    }
  }

  @Test("a user namespace: root inside is nobody outside, and what it writes keeps the ids it has inside")
  func userNamespace() throws {
    try inSandbox { place in
      let script = """
        id -u; cat /proc/self/uid_map; echo new > /etc/new && ls -ln /etc/new /etc/hosts /data/given | cut -c1-40
        echo x > /dev/null && echo device; echo y > /data/given 2>/dev/null || echo refused; cat /proc/keys | head -1
        """
      let given = place.folder.appending(path: "given")
      try FileManager.default.createDirectory(at: given, withIntermediateDirectories: false)
      try replaceFile(Path(given.path).appending("given"), with: Array("z".utf8), mode: 0o644, durable: false)
      let result = try run(
        place, "--userns", "auto", "-v", "\(given.path):/data", "--rootfs", place.rootfs, "sh", "-c", script)
      #expect(result.code == 0, "\(result)")
      let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
      #expect(lines.first == "0")
      #expect(lines.dropFirst().first == "0 100000 65536")
      // Skiff's own files are the container's; a directory of the host is not.
      #expect(lines.contains { $0.hasPrefix("-rw-r--r-- 1 0 0") })
      #expect(lines.contains { $0.hasPrefix("-rw-r--r-- 1 65534 65534") })
      #expect(lines.contains("device") && lines.contains("refused"))
      let made = try status(of: Path("\(place.rootfs)/etc/new"))
      #expect(made.owner == 0 && made.group == 0)
    }
  }

  @Test("a volume is filled from the root at its first use, and its owner is the container's")
  func volume() throws {
    try inSandbox { place in
      try FileManager.default.createDirectory(atPath: place.rootfs + "/srv", withIntermediateDirectories: false)
      try replaceFile(Path("\(place.rootfs)/srv/first"), with: Array("from the root".utf8), mode: 0o644, durable: false)
      let first = try run(
        place, "-v", "store:/srv", "--rootfs", place.rootfs, "sh", "-c", "cat /srv/first; echo kept > /srv/second")
      #expect(first.output == "from the root" && first.code == 0, "\(first)")
      let second = try run(
        place, "--userns", "auto", "-v", "store:/srv", "--rootfs", place.rootfs, "sh", "-c",
        "cat /srv/second; touch /srv/third")
      #expect(second.output == "kept\n" && second.code == 0, "\(second)")
      #expect(!exists(Path("\(place.rootfs)/srv/second")))
      #expect(try status(of: Path("\(place.state)/volumes/store/_data/third")).owner == 0)
    }
  }
}
