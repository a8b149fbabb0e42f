import Foundation
import Kernel
import Testing

/// Images whose configuration was written by hand, to steer whoever runs them.
@Suite(.serialized, .enabled(if: Attacker.obstacle == nil, "\(Attacker.obstacle ?? "")"))
struct ForgedImageTests {
  /// Changes the configuration of `image`, with digests that are right again, as whoever hands out an image can.
  private func forge(_ place: Sandbox, _ image: String, _ change: (inout [String: Any]) -> Void) throws {
    let store = URL(filePath: place.state).appending(path: "images")
    func blob(_ digest: String) -> URL { store.appending(path: "blobs/" + digest.replacing(":", with: "/")) }
    func object(_ url: URL) throws -> [String: Any] {
      try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any] ?? [:]
    }
    func write(_ value: Any) throws -> [String: Any] {
      let data = try JSONSerialization.data(withJSONObject: value)
      let file = place.folder.appending(path: "blob")
      try data.write(to: file)
      let digest = "sha256:" + (try place.onHost("sha256sum <\(file.path)").output.prefix(64))
      try data.write(to: blob(digest))
      return ["digest": digest, "size": data.count]
    }
    let indexFile = store.appending(path: "index.json")
    var index = try object(indexFile)
    var manifests = index["manifests"] as? [[String: Any]] ?? []
    let at = try #require(manifests.firstIndex { "\($0["annotations"] ?? "")".contains(image) })
    var manifest = try object(blob(manifests[at]["digest"] as? String ?? ""))
    var descriptor = manifest["config"] as? [String: Any] ?? [:]
    var config = try object(blob(descriptor["digest"] as? String ?? ""))
    var defaults = config["config"] as? [String: Any] ?? [:]
    change(&defaults)
    config["config"] = defaults
    descriptor.merge(try write(config)) { $1 }
    manifest["config"] = descriptor
    manifests[at].merge(try write(manifest)) { $1 }
    index["manifests"] = manifests
    try JSONSerialization.data(withJSONObject: index).write(to: indexFile)
  }

  @Test func whatMakesNoSenseIsRefused() throws {
    let forgeries: [(key: String, value: Any, reason: String)] = [
      ("Env", ["PATH*"], "environment"), ("Env", ["=x"], "environment"), ("Env", ["SKIFF_ROOT"], "environment"),
      ("Env", ["A=\u{0}"], "NUL"), ("User", "4294967296", "range"), ("User", "nobody-here", "no matching entries"),
      ("User", "0\u{0}", "NUL"), ("WorkingDir", "relative", "absolute"), ("WorkingDir", "/proc/self/fd/5", "fd/5"),
      ("Volumes", ["/": [String: String]()], "VOLUME"), ("Volumes", ["x/../..": [String: String]()], "VOLUME"),
      ("Volumes", ["/proc/self/attr": [String: String]()], "/proc"),
      ("Volumes", ["/a\nb": [String: String]()], "VOLUME"), ("Entrypoint", [""], "command"),
    ]
    try Sandbox.underAttack { place in
      for (number, forgery) in forgeries.enumerated() {
        let image = "forged\(number)"
        _ = try place.skiff(["stage", "-t", image, "/bin/busybox"])
        try forge(place, image) { $0[forgery.key] = forgery.value }
        let ran = try place.skiff(["run", "--rm", "--network", "none", image, "/bin/busybox", "true"])
        #expect(ran.code == 125, "\(forgery): \(ran)")
        #expect(ran.errors.contains(forgery.reason), "\(forgery): \(ran.errors)")
        #expect(try entries(of: Path(place.state + "/volumes")).isEmpty, "\(forgery)")
      }
    }
  }

  /// Labels, exposed ports, health checks and what hooks other engines read from an image: words, and nothing more.
  /// CVE-2025-62725 and its kin: an annotation is a name or nothing, never a path, and steers no terminal.
  @Test func annotationsAreNoPaths() throws {
    try Sandbox.underAttack { place in
      _ = try place.skiff(["stage", "-t", "forged", "/bin/busybox"])
      let folder = place.folder.path + "/layout"
      #expect(try place.skiff(["save", "--format", "oci-dir", "-o", folder, "forged"]).code == 0)
      _ = try place.skiff(["rmi", "-f", "forged"])
      let file = URL(filePath: folder + "/index.json")
      let text = try String(contentsOf: file, encoding: .utf8)
      let outside = place.folder.path + "/outside"
      let names = [
        "../../../../../../../..\(outside)", outside, "..", "a\\u001b[31mb:1", "UPPER", "a:b:c", "x@sha256:zz",
        String(repeating: "a", count: 5000),
      ]
      for name in names {
        try Data(text.replacing("forged:latest", with: name).utf8).write(to: file)
        let loaded = try place.skiff(["load", "-i", folder])
        #expect(loaded.output.hasPrefix("Loaded image ID: sha256:") || loaded.code != 0, "\(name): \(loaded)")
        let shown = try place.skiff(["images", "--format", "{{.Repository}}:{{.Tag}}"])
        #expect(shown.output == "<none>:<none>\n" || loaded.code != 0, "\(name): \(shown)")
        #expect(!(loaded.output + loaded.errors + shown.output).contains("\u{1b}"))
        #expect(try place.skiff(["run", "--rm", "--network", "none", folder, "/bin/busybox", "true"]).code == 0)
      }
      #expect(!FileManager.default.fileExists(atPath: outside))
    }
  }

  @Test func labelsSteerNothing() throws {
    try Sandbox.underAttack { place in
      _ = try place.skiff(["stage", "-t", "forged", "/bin/busybox"])
      try forge(place, "forged") {
        var labels: [String: String] = [:]
        for prefix in ["skiff", "io.skiff", "org.skiff", "com.docker", "io.podman.annotations", "run.oci"] {
          for name in ["privileged", "network", "seccomp", "userns", "pid", "cap-add", "hooks", "rootfs"] {
            labels["\(prefix).\(name)"] = name == "network" || name == "pid" ? "host" : "true"
          }
        }
        $0["Labels"] = labels
        $0["OnBuild"] = ["RUN touch /owned"]
        $0["ExposedPorts"] = ["../../x": [String: String]()]
        $0["StopSignal"] = "SIGNOTHING"
        $0["Healthcheck"] = ["Test": ["CMD-SHELL", "touch /owned"]]
      }
      let ran = try place.skiff(
        [
          "run", "--name", "box", "--network", "none", "forged", "/bin/busybox", "grep", "-E", "CapEff|Seccomp:|NSpid",
          "/proc/self/status",
        ])
      #expect(ran.output == "NSpid:\t2\nCapEff:\t00000000a80425fb\nSeccomp:\t2\n", "\(ran)")
      let difference = try place.skiff(["diff", "box"])
      #expect(difference.code == 0 && !difference.output.contains("owned"), "\(difference)")
      // What `ps` and `inspect` show of it cannot steer a terminal.
      try forge(place, "forged") { $0["Entrypoint"] = ["/bin/busybox", "echo", "\u{1b}]0;owned\u{7}"] }
      let said = try place.skiff(["run", "--name", "shown", "--network", "none", "forged"])
      #expect(said.code == 0 && said.output.contains("owned"), "\(said)")
      for (words, word) in [
        (["ps", "-a"], "busybox echo"), (["ps", "-a", "--no-trunc"], "owned"), (["inspect", "shown"], "owned"),
        (["images"], "forged"),
      ] {
        let shown = try place.skiff(words)
        #expect(shown.code == 0 && shown.output.contains(word), "\(words): \(shown)")
        #expect(!shown.output.contains("\u{1b}"), "\(words): \(shown)")
      }
    }
  }
}
