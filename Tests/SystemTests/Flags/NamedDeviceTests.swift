import Foundation
import Testing

/// Devices by the names of CDI files.
@Suite(.serialized, .enabled(if: FlagBench.obstacle == nil, Comment(rawValue: FlagBench.obstacle ?? "")))
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

  /// As nvidia-ctk writes it, with devices and a program that every machine has.
  @Test func aFileInYAML() throws {
    try Self.with { bench, file in
      let folder = bench.sandbox.folder.path
      try Data("the library\n".utf8).write(to: URL(filePath: folder + "/library"))
      _ = try file(
        ".yaml",
        """
        ---
        cdiVersion: 0.5.0
        containerEdits:
          deviceNodes:
          - path: /dev/modeset
            hostPath: /dev/zero
          env:
          - NVIDIA_VISIBLE_DEVICES=void
          hooks:
          - args:
            - sh
            - -c
            - 'touch "$1/hooked-$2"'
            - --link
            - \(folder)
            - ../lib::/usr/lib/gbm.so
            env:
            - NVIDIA_CTK_DEBUG=false
            hookName: createContainer
            path: /bin/sh
            timeout: 60
          mounts:
          - containerPath: /usr/lib/library
            hostPath: \(folder)/library
            options: [ro, nosuid, nodev, rbind, rprivate]
        devices:
        - containerEdits:
            deviceNodes:
            - path: /dev/card0
              hostPath: /dev/zero
              fileMode: 0640
              permissions: rw
          name: "0"
        - containerEdits:
            deviceNodes:
            - path: /dev/card0
              hostPath: /dev/zero
              fileMode: 416
          name: GPU-8f3a
        - name: all
          containerEdits:
            additionalGids: [0, 0o44]
        kind: KIND

        """.replacing("../lib::/usr/lib/gbm.so", with: "yaml"))
      let line =
        "echo $NVIDIA_VISIBLE_DEVICES; cat /usr/lib/library; stat -c %a /dev/card0; head -c 2 /dev/modeset | wc -c"
      for name in ["0", "GPU-8f3a"] {
        let seen = try bench.run("--device", "KIND=\(name)", line: line)
        #expect(seen.output == "void\nthe library\n640\n2\n", "\(seen)")
      }
      #expect(FileManager.default.fileExists(atPath: folder + "/hooked-yaml"))
      #expect(try bench.run("--device", "KIND=all", line: "id -G").output == "0 36\n")
      #expect(try bench.run("--device", "KIND=2").errors.contains("there are: KIND=0, KIND=GPU-8f3a, KIND=all"))
    }
  }

  /// What is broken, or somebody else's, or made to fill memory, is passed over and named.
  @Test func hostileFiles() throws {
    try Self.with { bench, file in
      func refusal(_ suffix: String, _ text: String) throws -> String {
        _ = try file(suffix, text)
        let refused = try bench.run("--device", "KIND=one")
        #expect(refused.code == 125, "\(refused)")
        return refused.errors
      }
      let good = "kind: KIND\ndevices:\n- name: one\n  containerEdits: {env: [A=b]}\n"
      let laughs = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n" + good
      #expect(try refusal(".yaml", laughs).contains("line 1: anchors are not read"))
      #expect(
        try refusal(".yaml", "kind: KIND\nx: " + String(repeating: "[", count: 20_000)).contains("cannot be read"))
      #expect(try refusal(".yaml", "kind: KIND\nkind: KIND\n").contains("is there twice"))
      #expect(try refusal(".yaml", "kind: *nothing\n").contains("aliases are not read"))
      #expect(try refusal(".yaml", good + "---\n" + good).contains("another document"))
      #expect(try refusal(".yaml", good + "#" + String(repeating: "x", count: 1 << 20)).contains("bytes of at most"))
      #expect(try refusal(".yaml", good + "- name: one\n").contains("is described twice"))
      #expect(try refusal(".yml", "\u{0}").contains("cannot be read"))
      for edits in [
        "env: A=b", "env: [A]", "env: [[A=b]]", "deviceNodes: [{path: dev/zero}]",
        "deviceNodes: [{path: /dev/skiff-none}]",
        "deviceNodes: [{path: /etc/passwd}]", "deviceNodes: [{path: /dev/zero, type: p, major: 1, minor: 5}]",
        "deviceNodes: [{path: /dev/zero, uid: 4294967295}]", "deviceNodes: [{path: /dev/zero, permissions: x}]",
        "deviceNodes: [{path: /dev/x, type: c, major: 5000, minor: 5}]",
        "deviceNodes: [{path: /dev/zero, fileMode: 010000}]",
        "mounts: [{hostPath: /etc, containerPath: /}]", "mounts: [{hostPath: /etc, containerPath: /x/..}]",
        "mounts: [{hostPath: etc, containerPath: /x}]", "hooks: [{path: /bin/true, hookName: poststop}]",
        "hooks: [{path: true, hookName: prestart}]", "hooks: [{path: /bin/true, hookName: prestart, timeout: -1}]",
        "additionalGids: [4294967295]", "additionalGids: 5", "netDevices: []", "mounts: {}", "[]",
      ] {
        let text = "kind: KIND\ndevices:\n- name: one\n  containerEdits: \(edits == "[]" ? edits : "{\(edits)}")\n"
        #expect(try refusal(".yaml", text).contains("device KIND=one is refused"), "\(edits)")
      }
      // Neither waited for nor taken: a FIFO, a link to what is no file, one that is another user's, one that all may write.
      let path = try file(".yaml", good)
      #expect(try bench.run("--device", "KIND=one", line: "echo $A").output == "b\n")
      chown(path, 1000, 0)
      #expect(try bench.run("--device", "KIND=one").errors.contains("chown root"))
      chown(path, 0, 0)
      chmod(path, 0o646)
      #expect(try bench.run("--device", "KIND=one").errors.contains("is not root's alone"))
      unlink(path)
      mkfifo(path, 0o600)
      #expect(try bench.run("--device", "KIND=one").errors.contains("no regular file"))
      unlink(path)
      symlink("/dev/zero", path)
      #expect(try bench.run("--device", "KIND=one").code == 125)
      unlink(path)
    }
  }

  /// A bench, and what writes a file for devices of a kind that nobody else has, which texts and words call KIND.
  private static func with(
    _ body: (Bench, (_ suffix: String, _ text: String) throws -> String) throws -> Void
  ) throws {
    try FlagBench.with { bench in
      let kind = "skiff.test/y\(UUID().uuidString.prefix(8).lowercased())"
      let madeDirectory = !FileManager.default.fileExists(atPath: "/etc/cdi")
      try FileManager.default.createDirectory(atPath: "/etc/cdi", withIntermediateDirectories: true)
      let stem = "/etc/cdi/\(kind.replacing("/", with: "-"))"
      let suffixes = [".yaml", ".yml", ".json"]
      defer {
        for suffix in suffixes { unlink(stem + suffix) }
        if madeDirectory { rmdir("/etc/cdi") }
      }
      try body(Bench(bench: bench, kind: kind)) { suffix, text in
        for suffix in suffixes { unlink(stem + suffix) }
        try Data(text.replacing("KIND", with: kind).utf8).write(to: URL(filePath: stem + suffix))
        chmod(stem + suffix, 0o644)
        return stem + suffix
      }
    }
  }

  private struct Bench {
    let bench: FlagBench
    let kind: String
    var sandbox: Sandbox { bench.sandbox }

    func run(_ words: String..., line: String = "true") throws -> Sandbox.Result {
      var result = try sandbox.skiff(
        ["run", "--rm", "--network", "none"] + words.map { $0.replacing("KIND", with: kind) }
          + ["--rootfs", sandbox.rootfs, "sh", "-c", line])
      result.errors = result.errors.replacing(kind, with: "KIND")
      return result
    }
  }

  @Test(.enabled(if: !FileManager.default.fileExists(atPath: "/etc/cdi/nvidia.json"), "there are GPUs"))
  func withoutFilesTheProgramThatWritesThemIsNamed() throws {
    try FlagBench.with { bench in
      let refused = try bench.run("--gpus", "all")
      #expect(refused.code == 125 && refused.errors.contains("no device nvidia.com/gpu=all"))
      #expect(refused.errors.contains("nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"))
    }
  }
}
