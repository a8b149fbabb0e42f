import Foundation
import Kernel
import Testing

/// The share of processor time that `stats --no-stream` shows: since the look of the last call, where there was one.
@Suite(.serialized, .enabled(if: geteuid() == 0 && exists("/bin/busybox"), "needs root and busybox"))
struct StatsTests {
  private func share(_ place: Sandbox, _ name: String = "busy") throws -> Double {
    let result = try place.skiff(["stats", "--no-stream", "--format", "{{.CPUPerc}}", name])
    #expect(result.code == 0, "\(result)")
    return try #require(Double(result.output.dropLast(2)), "\(result)")
  }

  private func withBusy(_ body: (Sandbox) throws -> Void) throws {
    try Sandbox.with { place in
      let started = try place.skiff([
        "run", "-d", "--name", "busy", "--network", "none", "--rootfs", place.rootfs, "sh", "-c", "while :; do :; done",
      ])
      #expect(started.code == 0, "\(started)")
      try body(place)
    }
  }

  @Test func aShareIsOfTheTimeSinceTheLastCall() throws {
    try withBusy { place in
      usleep(300_000)
      // The first call knows how long it has run.
      #expect(try share(place) > 0)
      #expect(try place.skiff(["pause", "busy"]).code == 0)
      usleep(150_000)
      // From before the pause on, and from here on.
      _ = try share(place)
      usleep(150_000)
      #expect(try share(place) == 0)
      #expect(try share(place) == 0)
      #expect(try place.skiff(["unpause", "busy"]).code == 0)
      usleep(300_000)
      #expect(try share(place) > 0)
      // Started again, it counts from nothing, and so does the share.
      #expect(try place.skiff(["restart", "-t", "0", "busy"]).code == 0)
      usleep(300_000)
      #expect(try share(place) > 0)
      #expect(try place.skiff(["stop", "-t", "0", "busy"]).code == 0)
      let ended = try place.skiff(["stats", "--no-stream", "-a", "--format", "{{.CPUPerc}}"])
      #expect(ended.output == "--\n", "\(ended)")
    }
  }

  /// What it waits for is seen from outside.
  @Test(.enabled(if: mayExecute("/usr/bin/strace"), "strace is not installed"))
  func whoHasSomethingToMeasureFromDoesNotWait() throws {
    try withBusy { place in
      let log = place.folder.path + "/calls"
      let trace = "strace -f -o \(log) -e trace=ppoll \"$0\" stats "
      func waits() throws -> Bool { try String(contentsOfFile: log, encoding: .utf8).contains("ppoll(") }
      usleep(200_000)
      for pause in [0, 0, 0, 50_000, 150_000] as [UInt32] {
        usleep(pause)
        let traced = try place.shell(trace + "--no-stream")
        #expect(traced.code == 0, "\(traced)")
        #expect(try !waits())
      }
      // A live stream does. SIGPIPE ends it when nobody reads it any more.
      _ = try place.shell(trace + "| head -n 1")
      #expect(try waits())
    }
  }

  /// Of the links of its own namespace: one without a network has none, and the host's are not its own.
  @Test func trafficIsOfItsOwnLinks() throws {
    try withBusy { place in
      let words = ["run", "-d", "--name", "open", "--network", "host", "--rootfs", place.rootfs, "sleep", "1000"]
      #expect(try place.skiff(words).code == 0)
      let shown = try place.skiff(["stats", "--no-stream", "--format", "{{.Name}} {{.NetIO}}", "busy", "open"])
      #expect(Set(shown.output.split(separator: "\n")) == ["busy 0B / 0B", "open -- / --"], "\(shown)")
    }
  }

  @Test func whatIsKeptMayBeDamagedOrNotBeWritten() throws {
    try withBusy { place in
      let file = place.run + "/looks"
      _ = try share(place)
      for bytes in [Data(), Data("hello".utf8), Data(repeating: 0xff, count: 5000), Data(repeating: 0, count: 70_000)] {
        try bytes.write(to: URL(filePath: file))
        usleep(120_000)
        #expect(try share(place) > 0)
        #expect(try Data(contentsOf: URL(filePath: file)) != bytes)
      }
      try FileManager.default.removeItem(atPath: file)
      #expect(mkfifo(file, 0o600) == 0)
      #expect(try share(place) > 0)
      let words = [
        "-m", "--propagation", "private", "/bin/sh", "-ec",
        "mount --bind \(place.run) \(place.run); mount -o remount,bind,ro \(place.run); exec \"$0\" stats --no-stream",
        Sandbox.skiff,
      ]
      let stuck = try place.start(words, program: "/usr/bin/unshare").finish()
      #expect(stuck.code == 0 && stuck.output.contains("busy"), "\(stuck)")
    }
  }
}
