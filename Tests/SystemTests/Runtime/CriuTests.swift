import Foundation
import JSON
import Kernel
import Testing

/// What criu is told for each option, and what it finds: a script stands in its place. What criu makes of that is criu's.
@Suite(.serialized, .enabled(if: geteuid() == 0)) struct CriuTests {
  /// Writes down its words and what its first descriptor leads to; as `restore` also what lies at the root, and a process.
  private static let script = """
    #!/bin/sh
    cd "${0%/*}" || exit 1
    printf '%s\\n' "$@" > words-$1
    readlink /proc/$$/fd/3 > third-$1
    [ "$1" = restore ] || exit 0
    root= number=
    for word; do
      case $last in --root) root=$word ;; --pidfile) number=$word ;; esac
      last=$word
    done
    grep -c " $root " /proc/self/mountinfo > mounts
    sleep 100 > /dev/null 2>&1 &
    echo $! > "$number"

    """

  /// A container that runs, and a place for its image.
  private final class Subject {
    let runtime: RuntimeSandbox
    let id: String
    var image: String { runtime.base.folder.path + "/image" }
    private var folder: String { runtime.base.folder.path }

    init(_ change: (inout [String: Any]) -> Void = { _ in }) throws {
      runtime = try RuntimeSandbox()
      id = runtime.prefix + "-one"
      try runtime.configure { config in
        var process = config["process"] as? [String: Any] ?? [:]
        process["args"] = ["/bin/sleep", "100"]
        config["process"] = process
        change(&config)
      }
      try replaceFile(Path(folder + "/criu"), with: Array(CriuTests.script.utf8), mode: 0o755)
    }

    func remove() {
      _ = try? runtime.runtime("delete", "--force", id)
      runtime.remove()
    }

    /// Calls the runtime from a bash in which this goes before.
    func call(_ words: [String], after line: String = ":") throws -> Sandbox.Result {
      let call = [Sandbox.skiff, "oci", "--root", runtime.root, "--criu", folder + "/criu"] + words
      let quoted = call.map { "'\($0)'" }.joined(separator: " ")
      try replaceFile(Path(folder + "/call"), with: Array("\(line)\nexec \(quoted)\n".utf8))
      let shell = try Shell("exec bash \(folder)/call </dev/null >\(folder)/call.out 2>\(folder)/call.err")
      let status = shell.waitForExit()
      return Sandbox.Result(
        code: status?.code ?? -1, output: try readText(Path(folder + "/call.out")),
        errors: try readText(Path(folder + "/call.err")))
    }

    func run(after line: String = ":") throws {
      let result = try call(["run", "-d", "-b", runtime.bundle, id], after: line)
      guard result.code == 0 else { throw Sandbox.Failure(description: result.errors) }
    }

    func checkpoint(_ words: [String], after line: String = ":") throws -> Sandbox.Result {
      try call(["checkpoint", "--image-path", image] + words + [id], after: line)
    }

    func restore(_ words: [String], after line: String = ":") throws -> Sandbox.Result {
      try call(["restore", "--image-path", image, "-b", runtime.bundle, "-d"] + words + [id], after: line)
    }

    func lines(_ name: String) throws -> [String] {
      try readText(Path(folder + "/" + name)).split(separator: "\n").map(String.init)
    }

    /// Whether these words were among its own, one right after the other.
    func told(_ verb: String, _ words: [String]) throws -> Bool {
      let all = try lines("words-" + verb)
      return all.indices.contains { all[$0...].starts(with: words) }
    }
  }

  private func with(
    _ change: (inout [String: Any]) -> Void = { _ in }, _ body: (Subject) throws -> Void
  ) throws {
    let subject = try Subject(change)
    defer { subject.remove() }
    try body(subject)
  }

  private static let switches = [
    "ext-unix-sk", "shell-job", "lazy-pages", "tcp-established", "file-locks", "auto-dedup",
  ]

  @Test func everyOptionOfACheckpointComesToIt() throws {
    try with { subject in
      try subject.run()
      let pid = try #require(
        try JSONValue(parsing: Array(try subject.runtime.runtime("state", subject.id).output.utf8))["pid"]?.integer)
      let work = subject.image + "-work"
      let cases: [([String], [String])] =
        [
          ([], ["--tree", "\(pid)", "--root", subject.runtime.base.rootfs]),
          ([], ["--log-file", "dump.log"]), ([], ["--images-dir", subject.image]), ([], ["--manage-cgroups=soft"]),
          ([], ["--empty-ns", "net"]), (["--work-path", work], ["--work-dir", work]),
          (["--manage-cgroups-mode", "full"], ["--manage-cgroups=full"]),
          (["--tcp-skip-in-flight"], ["--skip-in-flight"]),
          (
            ["--page-server", "[2001:db8::1]:27"],
            ["--page-server", "--address", "2001:db8::1", "--port", "27"]
          ),
          (["--parent-path", "../image"], ["--prev-images-dir", "../image", "--track-mem"]),
        ] + Self.switches.map { (["--" + $0], ["--" + $0]) }
      for (words, told) in cases {
        let result = try subject.checkpoint(words + ["--leave-running"])
        #expect(result.code == 0, "\(words): \(result.errors)")
        #expect(try subject.told("dump", told), "\(words)")
        #expect(try subject.told("dump", ["--leave-running"]))
      }
      let status = try subject.checkpoint(["--leave-running", "--status-fd", "7"], after: "exec 7>/dev/full")
      #expect(status.code == 0, "\(status.errors)")
      #expect(try subject.told("dump", ["--status-fd", "3"]))
      #expect(try subject.lines("third-dump") == ["/dev/full"])
      #expect(try subject.checkpoint(["--pre-dump"]).code == 0)
      #expect(try subject.told("pre-dump", ["--track-mem"]))
    }
  }

  @Test func everyOptionOfARestoreComesToIt() throws {
    try with { subject in
      try subject.run()
      #expect(try subject.checkpoint([]).code == 0)
      let result = try subject.restore(
        ["--lsm-profile", "apparmor:a", "--lsm-mount-context", "b", "--work-path", subject.image]
          + Self.switches.map { "--" + $0 })
      #expect(result.code == 0, "\(result.errors)")
      for words in [
        ["--restore-detached"], ["--restore-sibling"], ["--root", subject.runtime.base.rootfs],
        ["--lsm-profile", "apparmor:a"], ["--lsm-mount-context", "b"], ["--work-dir", subject.image],
        ["--log-file", "restore.log"],
      ] + Self.switches.map({ ["--" + $0] }) {
        #expect(try subject.told("restore", words), "\(words)")
      }
      // criu wants a mount at the root, and the host has none there.
      #expect(try subject.lines("mounts") == ["1"])
      #expect(try !readText("/proc/self/mountinfo").contains(" \(subject.runtime.base.rootfs) "))
    }
  }

  /// A network namespace of somebody else is left alone, and given again.
  @Test func aJoinedNamespaceIsGivenAgain() throws {
    let network = try readSymbolicLink("/proc/self/ns/net").string
    try with({ config in
      config["linux"] = [
        "namespaces": ["pid", "mount", "ipc", "uts"].map { ["type": $0] }
          + [["type": "network", "path": "/proc/\(getpid())/ns/net"]]
      ]
    }) { subject in
      try subject.run()
      #expect(try subject.checkpoint([]).code == 0)
      let inode = network.dropFirst("net:[".count).dropLast()
      #expect(try subject.told("dump", ["--external", "net[\(inode)]:extRootNetNS"]))
      let result = try subject.restore([])
      #expect(result.code == 0, "\(result.errors)")
      #expect(try subject.told("restore", ["--inherit-fd", "fd[3]:extRootNetNS"]))
      #expect(try subject.lines("third-restore") == [network])
    }
  }

  /// A pipe that the container wrote to goes by its old name, and is the one that the restore has in its place.
  @Test func aPipeIsGivenAgain() throws {
    try with { subject in
      let piped = "exec 1> >(cat > /dev/null)"
      try subject.run(after: piped)
      #expect(try subject.checkpoint([]).code == 0)
      let streams = try JSONValue(parsing: try readFile(Path(subject.image + "/descriptors.json")))
      let pipe = try #require(streams[1]?.string)
      #expect(pipe.hasPrefix("pipe:["))
      let result = try subject.restore([], after: piped)
      #expect(result.code == 0, "\(result.errors)")
      #expect(try subject.told("restore", ["--inherit-fd", "fd[3]:\(pipe)"]))
      let now = try #require(try subject.lines("third-restore").first)
      #expect(now.hasPrefix("pipe:[") && now != pipe)
    }
  }
}
