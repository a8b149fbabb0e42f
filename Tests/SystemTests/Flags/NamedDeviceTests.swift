import Foundation
import Testing

/// Devices by the names of CDI files.
@Suite(.enabled(if: FlagBench.obstacle == nil, Comment(rawValue: FlagBench.obstacle ?? "")))
struct NamedDeviceTests {
  @Test func aDeviceWithAllThatComesWithIt() throws {
    try FlagBench.with { bench in
      let kind = "skiff.test/t\(UUID().uuidString.prefix(8).lowercased())"
      let folder = bench.sandbox.folder.path
      try Data("the library\n".utf8).write(to: URL(filePath: folder + "/library"))
      let file = URL(filePath: "/etc/cdi/\(kind.replacing("/", with: "-")).json")
      let madeDirectory = !FileManager.default.fileExists(atPath: "/etc/cdi")
      try FileManager.default.createDirectory(atPath: "/etc/cdi", withIntermediateDirectories: true)
      defer {
        try? FileManager.default.removeItem(at: file)
        if madeDirectory { rmdir("/etc/cdi") }
      }
      try Data(
        """
        {"cdiVersion": "0.6.0", "kind": "\(kind)",
         "containerEdits": {"env": ["ALL=yes"], "mounts": [
           {"hostPath": "\(folder)/library", "containerPath": "/usr/lib/library", "options": ["ro", "bind"]}]},
         "devices": [
           {"name": "zero", "containerEdits": {
             "env": ["NAME=zero"], "additionalGids": [4321],
             "deviceNodes": [{"path": "/dev/chosen", "hostPath": "/dev/zero", "permissions": "r"}],
             "hooks": [{"hookName": "createContainer", "path": "/bin/sh",
                        "args": ["sh", "-c", "touch \(folder)/hooked"]}]}},
           {"name": "broken", "containerEdits": {"intelRdt": {}}}]}
        """.utf8
      ).write(to: file)
      let seen = try bench.run(
        "--device", "\(kind)=zero",
        line: "echo $ALL $NAME; cat /usr/lib/library; id -G; head -c 2 /dev/chosen | wc -c")
      #expect(seen.output == "yes zero\nthe library\n0 4321\n2\n", "\(seen)")
      #expect(FileManager.default.fileExists(atPath: folder + "/hooked"))
      try bench.start("with", "--device", "\(kind)=zero")
      #expect(
        try bench.inspect("with", "{{json .HostConfig.DeviceRequests}}").contains(#""DeviceIDs":["\#(kind)=zero"]"#))
      let missing = try bench.run("--device", "\(kind)=one")
      #expect(missing.errors.contains("no device \(kind)=one") && missing.errors.contains("\(kind)=zero"), "\(missing)")
      #expect(try bench.run("--device", "\(kind)=broken").errors.contains(#""intelRdt" is an edit that is not made"#))
    }
  }

  @Test func aFileInYAMLIsNamed() throws {
    try FlagBench.with { bench in
      let kind = "skiff.test/y\(UUID().uuidString.prefix(8).lowercased())"
      let file = "/etc/cdi/\(kind.replacing("/", with: "-"))"
      let madeDirectory = !FileManager.default.fileExists(atPath: "/etc/cdi")
      try FileManager.default.createDirectory(atPath: "/etc/cdi", withIntermediateDirectories: true)
      defer {
        unlink(file + ".yaml")
        if madeDirectory { rmdir("/etc/cdi") }
      }
      try Data("cdiVersion: 0.6.0\nkind: \(kind)\ndevices: []\n".utf8).write(to: URL(filePath: file + ".yaml"))
      let refused = try bench.run("--device", "\(kind)=one")
      #expect(refused.code == 125 && refused.errors.contains("yq -o=json \(file).yaml > \(file).json"), "\(refused)")
    }
  }

  @Test(.enabled(if: !FileManager.default.fileExists(atPath: "/etc/cdi/nvidia.json"), "there are GPUs"))
  func withoutFilesTheProgramThatWritesThemIsNamed() throws {
    try FlagBench.with { bench in
      let refused = try bench.run("--gpus", "all")
      #expect(refused.code == 125 && refused.errors.contains("no device nvidia.com/gpu=all"))
      #expect(refused.errors.contains("nvidia-ctk cdi generate --format=json"))
    }
  }
}
