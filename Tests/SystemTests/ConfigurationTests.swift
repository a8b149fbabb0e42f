import Foundation
import Kernel
import Testing

/// config.toml: what options are where the command line does not say.
@Suite(.enabled(if: getuid() == 0, "containers need root")) struct ConfigurationTests {
  private func with(_ text: String, _ body: (Sandbox, ([String]) throws -> Sandbox.Result) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let file = sandbox.folder.path + "/config.toml"
    try Data(text.utf8).write(to: URL(filePath: file))
    chmod(file, 0o644)
    try body(sandbox) { try sandbox.skiff($0, environment: ["SKIFF_CONFIG": file]) }
  }

  private let text = """
    publish-address = "127.0.0.1"
    [run]
    network = "none"
    env = ["FROM=file", "OTHER=file"]
    init = false
    pids-limit = 33
    [ps]
    format = "{{.Names}}!"
    """

  @Test func whatTheCommandLineDoesNotSay() throws {
    try with(text) { sandbox, skiff in
      let script = "echo $FROM $OTHER $$ $(ls /sys/class/net)"
      let plain = try skiff(["run", "--rm", "--rootfs", sandbox.rootfs, "sh", "-c", script])
      #expect(plain.output == "file file 1 lo\n", "\(plain)")
      // What is given counts alone.
      let given = try skiff([
        "run", "--rm", "-e", "FROM=line", "--init", "--rootfs", sandbox.rootfs, "sh", "-c", script,
      ])
      #expect(given.output == "line 2 lo\n", "\(given)")
      // `create` shares them, and the program's own words are nobody else's.
      #expect(try skiff(["create", "--name", "made", "--rootfs", sandbox.rootfs, "true", "--network", "x"]).code == 0)
      let made = try skiff(["inspect", "-f", "{{.HostConfig.NetworkMode}} {{.HostConfig.PidsLimit}}", "made"])
      #expect(made.output == "none 33\n", "\(made)")
      #expect(try skiff(["ps", "-a"]).output == "made!\n")
      #expect(try skiff(["rm", "made"]).code == 0)
    }
  }

  @Test(arguments: [
    ("[run]\nmemroy = \"1g\"", "[run]: it has no option memroy"), ("[run]\ninit = 3", "init is true or false"),
    ("[run]\nname = [\"a1\", \"b1\"]", "takes one value"), ("rot = \"/x\"", "rot is no setting"),
    ("[run\n", "line 1"), ("[run]\nmemory = \"much\"", "invalid argument \"much\""),
    ("[run]\nlink = \"x\"", "link is not done"),
  ])
  func mistakesAreNamed(text: String, words: String) throws {
    try with(text) { sandbox, skiff in
      let refused = try skiff(["run", "--rm", "--rootfs", sandbox.rootfs, "true"])
      #expect(refused.code == 125 && refused.errors.contains(words), "\(refused)")
      // Whoever needs help gets it.
      #expect(try skiff(["run", "--help"]).code == 0)
    }
  }

  @Test func aFileThatOthersMayWriteIsRefused() throws {
    try with("[ps]\nall = true\n") { (sandbox, skiff) throws in
      #expect(try skiff(["ps"]).code == 0)
      chmod(sandbox.folder.path + "/config.toml", 0o666)
      #expect(try skiff(["ps"]).errors.contains("somebody else may write to it"))
      chmod(sandbox.folder.path + "/config.toml", 0o644)
      chown(sandbox.folder.path + "/config.toml", 1000, 1000)
      #expect(try skiff(["ps"]).code == 125)
    }
  }
}
