import Arguments
import Engine
import Kernel
import Testing

@testable import SkiffCLI

private func request(_ words: String...) throws -> RunRequest {
  try RunRequest(try RunCommand.syntax().parse(words))
}

private func message(_ words: String...) -> String? {
  do {
    _ = try RunRequest(try RunCommand.syntax().parse(words))
    return nil
  } catch let error as UsageError { return error.message } catch { return "\(error)" }
}

@Suite struct RunRequestTests {
  @Test func allTogether() throws {
    let run = try request(
      "-dit", "--rm", "--init", "--name", "web", "-h", "host1", "-m", "64m", "--memory-swap", "128m", "--cpus", "1.5",
      "--cpuset-cpus", "0-1", "--pids-limit", "0", "--ulimit", "nofile=10:20", "-v", "/a:/b:ro", "--tmpfs", "/t",
      "--mount", "target=/c", "-e", "A=1", "-w", "/w", "-u", "1:2", "--network", "back", "--cap-drop", "ALL",
      "--security-opt", "no-new-privileges", "-l", "a=b", "--read-only", "--stop-signal", "INT", "img", "sh", "-c", "x")
    #expect(run.root == .image("img") && run.command == ["sh", "-c", "x"])
    #expect(run.isInteractive && run.hasTerminal && run.removesItself && run.hasInit == true)
    #expect(run.resources.memory == 64 << 20 && run.resources.memorySwap == 128 << 20)
    #expect(run.resources.cpuQuota == 150_000 && run.resources.processes == -1)
    #expect(run.mounts.count == 3 && run.limits.count == 1 && run.limits.first?.hard == 20)
    #expect(run.network == .named("back") && run.user == "1:2" && run.stopSignal == 2)
    #expect(run.security.noNewPrivileges && run.rootIsReadOnly && run.environment == ["A=1"])
  }

  @Test func aDirectoryInsteadOfAnImage() throws {
    let run = try request("--rootfs", "/r", "ls", "-l")
    #expect(run.root == .directory("/r") && run.command == ["ls", "-l"])
    #expect(try request("--rootfs", "x").root == .directory(try workingDirectory().appending("x")))
  }

  @Test func whatIsRefusedNamesTheOption() {
    #expect(message()?.hasPrefix("it needs an image") == true)
    #expect(message("-m", "1k", "img") == "the least memory limit is 6m")
    #expect(message("-v", "a/b:/c", "img")?.hasPrefix("invalid argument \"a/b:/c\" for \"-v, --volume\": ") == true)
    #expect(message("-u", "4294967296", "img")?.hasPrefix("invalid argument \"4294967296\" for \"-u, --user\"") == true)
    #expect(message("--ulimit", "nofle=1", "img")?.contains("for \"--ulimit\"") == true)
    #expect(message("-v", "/a:/x", "--tmpfs", "/x/", "img") == "two mounts have the same target /x")
    #expect(
      message("--cpus", "1", "--cpu-quota", "5000", "img")?.hasPrefix("invalid argument \"1\" for \"--cpus\"") == true)
    #expect(message("--cpus", "100000", "img")?.contains("there are only") == true)
    #expect(message("--device-read-bps", "sda", "img")?.contains("for \"--device-read-bps\"") == true)
    #expect(message("--pid", "hots", "img")?.contains("expected host") == true)
    #expect(message("--stop-signal", "NOPE", "img")?.contains("no such signal") == true)
  }

  /// What update changes is read by the same table and the same words.
  @Test func runAndUpdateShareTheirLimits() throws {
    let words = [
      "-m", "64m", "--memory-swap", "-1", "--cpu-shares", "512", "--cpuset-cpus", "0", "--blkio-weight", "300",
    ]
    let changed = try ResourceRequest(UpdateCommand.syntax().parse(words + ["web"]), isChange: true)
    #expect(try RunRequest(RunCommand.syntax().parse(words + ["img"])).resources == changed)
    let offered = Set(RunCommand.syntax().options.map(\.name))
    #expect(UpdateCommand.syntax().options.allSatisfy { offered.contains($0.name) })
  }
}
