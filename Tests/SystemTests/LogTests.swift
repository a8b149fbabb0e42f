import Foundation
import Kernel
import Testing

/// Log drivers and `logs`, as a person uses them.
@Suite(.enabled(if: Sandbox.obstacle == nil, "\(Sandbox.obstacle ?? "")")) struct LogTests {
  private func run(_ sandbox: Sandbox, _ name: String, _ words: [String], _ script: String) throws -> Sandbox.Result {
    try sandbox.skiff(
      ["run", "--name", name, "--network", "none"] + words + ["--rootfs", sandbox.rootfs, "sh", "-c", script])
  }

  @Test func detailsAndTimes() throws {
    try Sandbox.with { sandbox in
      let words = [
        "--label", "com.example.a=x y", "-e", "MODE=test", "--log-opt", "labels-regex=^com", "--log-opt", "env=MODE",
        "--log-opt", "tag={{.Name}}",
      ]
      #expect(try run(sandbox, "plain", words, "echo one; echo two >&2").code == 0)
      let details = try sandbox.skiff(["logs", "--details", "plain"])
      #expect(details.output == "MODE=test,com.example.a=x+y,tag=plain one\n", "\(details)")
      #expect(details.errors == "MODE=test,com.example.a=x+y,tag=plain two\n")
      let times = try sandbox.skiff(["logs", "-t", "plain"])
      #expect(times.output.hasSuffix("Z one\n") && times.output.utf8.count == 35, "\(times)")
      let config = try sandbox.skiff(["inspect", "-f", "{{json .HostConfig.LogConfig}}", "plain"])
      #expect(config.output.contains(#""Type":"json-file""#) && config.output.contains("{{.Name}}"), "\(config)")
    }
  }

  @Test func theLocalDriverAndCompression() throws {
    try Sandbox.with { sandbox in
      let words = [
        "--log-driver", "local", "--log-opt", "max-size=64k", "--log-opt", "max-file=9", "--log-opt", "compress=true",
      ]
      let script = "i=0; while [ $i -lt 4000 ]; do echo line $i of the log; i=$((i+1)); done"
      #expect(try run(sandbox, "local", words, script).code == 0)
      let expected = (0..<4000).map { "line \($0) of the log\n" }.joined()
      let logs = try sandbox.skiff(["logs", "local"])
      #expect(logs.output == expected)
      #expect(
        try sandbox.skiff(["logs", "-n", "3", "local"]).output == expected.split(separator: "\n").suffix(3).joined(
          separator: "\n") + "\n")
      let files = try sandbox.shell("ls \(sandbox.state)/containers/*/ | grep -c 'log.local.*gz$'")
      #expect((Int(files.output.dropLast()) ?? 0) >= 1, "\(files)")
    }
  }

  @Test func aDriverThatCannotBeReachedFailsTheStart() throws {
    try Sandbox.with { sandbox in
      let address = "syslog-address=unixgram://\(sandbox.folder.path)/log"
      let words = ["--log-driver", "syslog", "--log-opt", address]
      let result = try run(sandbox, "nobody", words, "echo never")
      #expect(result.code == 125 && result.output.isEmpty && result.errors.contains("cannot start nobody"), "\(result)")
      #expect(result.errors.contains("nobody takes syslog messages at unixgram:"), "\(result)")
      try sandbox.skiff(["rm", "nobody"])
      let socket = try makeSocket(.unix, .datagram)
      try socket.borrowed.bindUnix(Path("\(sandbox.folder.path)/log"))
      #expect(try run(sandbox, "told", words + ["--log-opt", "tag={{.Name}}"], "echo hello; echo oops >&2").code == 0)
      var buffer = [UInt8](repeating: 0, count: 4096)
      var messages: [String] = []
      for _ in 0..<2 {
        let count = try socket.borrowed.receive(into: &buffer)
        messages.append(String(decoding: buffer[..<count], as: UTF8.self))
      }
      #expect(
        messages.contains { $0.hasPrefix("<30>") && $0.hasSuffix("]: hello\n") && $0.contains(" told[") }, "\(messages)"
      )
      #expect(messages.contains { $0.hasPrefix("<27>") && $0.hasSuffix("]: oops\n") })
      let logs = try sandbox.skiff(["logs", "told"])
      #expect(logs.code == 1 && logs.errors.contains("with the syslog daemon"), "\(logs)")
    }
  }

  /// A receiver that reads nothing, and a follower that reads nothing.
  @Test func whoStallsHoldsNoContainer() throws {
    try Sandbox.with { sandbox in
      let socket = try makeSocket(.unix, .datagram)
      try socket.borrowed.bindUnix(Path("\(sandbox.folder.path)/log"))
      let address = "syslog-address=unixgram://\(sandbox.folder.path)/log"
      let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; touch /done$1"
      #expect(try run(sandbox, "deaf", ["-d", "--log-driver", "syslog", "--log-opt", address], script).code == 0)
      #expect(try sandbox.skiff(["wait", "deaf"]).output == "0\n")
      let slow = try sandbox.shell(
        """
        "$0" run -d --name slow --network none --rootfs \(sandbox.rootfs) sh -c '\(script)' >/dev/null
        "$0" logs -f slow | (timeout 20 "$0" wait slow)
        """)
      #expect(slow.output == "0\n", "\(slow)")
    }
  }
}
