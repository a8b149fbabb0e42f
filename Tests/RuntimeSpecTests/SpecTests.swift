import Foundation
import JSON
import RuntimeSpec
import Testing

@Suite struct SpecTests {
  private func spec(_ text: String) throws(JSONError) -> Spec { try Spec(parsing: Array(text.utf8)) }

  @Test func everyFieldIsReadAndWritten() throws {
    let written = try spec(everyField).jsonBytes(.pretty)
    #expect(try JSONValue(parsing: written) == JSONValue(parsing: Array(everyField.utf8)))
    #expect(try Spec(parsing: written) == spec(everyField))
  }

  @Test func valuesLandInTheirFields() throws {
    let spec = try spec(everyField)
    #expect(spec.process?.rlimits == [Spec.ResourceLimit(type: "RLIMIT_NOFILE", soft: 1024, hard: .max)])
    #expect(spec.process?.user.umask == 0o77)
    #expect(spec.linux?.namespaces[1] == Spec.Namespace(.network, path: "/proc/1/ns/net"))
    #expect(spec.linux?.resources?.memory?.swap == -1)
    #expect(spec.linux?.resources?.devices.first == Spec.DeviceRule(allow: false, access: "rwm"))
    #expect(spec.linux?.seccomp?.syscalls[1].args[1].op == .maskedEqual)
    #expect(spec.linux?.timeOffsets["monotonic"] == Spec.TimeOffset(secs: -1, nanosecs: 5))
    #expect(spec.hooks.poststop.map(\.path) == ["/f", "/g"])
  }

  @Test func aBriefReadingLeavesOutTheRulesOfTheFilterAlone() throws {
    let whole = try spec(everyField)
    var expected = whole
    expected.linux?.seccomp?.syscalls = []
    #expect(try Spec(parsing: Array(everyField.utf8), isBrief: true) == expected)
    let callbacks = try Spec.Callbacks(parsing: Array(everyField.utf8))
    #expect(callbacks.hooks == whole.hooks)
    #expect(callbacks.seccomp == expected.linux?.seccomp)
  }

  @Test func nullEmptyAndAbsentAreTheSame() throws {
    let absent = try spec(#"{"ociVersion": "1.0.2", "linux": {}, "process": {"cwd": "/"}}"#)
    #expect(
      try spec(
        #"""
        {"ociVersion": "1.0.2", "hostname": "", "mounts": null, "hooks": null, "annotations": {}, "root": null,
          "linux": {"namespaces": [], "seccomp": null, "sysctl": null, "cgroupsPath": ""},
          "process": {"cwd": "/", "rlimits": null, "oomScoreAdj": null, "terminal": false}}
        """#) == absent)
    #expect(absent.jsonString() == #"{"ociVersion":"1.0.2","process":{"user":{"uid":0,"gid":0},"cwd":"/"},"linux":{}}"#)
  }

  @Test func unknownMembersAreIgnored() throws {
    let plain = try spec(#"{"ociVersion": "1.3.0", "root": {"path": "r"}}"#)
    #expect(
      try spec(#"{"x": [1, {"y": null}], "ociVersion": "1.3.0", "windows": {"a": 1}, "root": {"path": "r", "z": "z"}}"#)
        == plain)
  }

  @Test(arguments: [
    (#"{"process": {"user": {"uid": -1}}}"#, "process.user.uid: -1 is not in 0…4294967295 (byte 29)"),
    (#"{"process": {"user": {"uid": 4294967296}}}"#, "process.user.uid: 4294967296 is not in 0…4294967295 (byte 29)"),
    (#"{"process": {"args": "sh"}}"#, "process.args: expected an array, found a string (byte 21)"),
    (#"{"process": {"args": ["a", "b\u0000c"]}}"#, "process.args[1]: a NUL character in a string (byte 29)"),
    (#"{"mounts": [{"destination": "/"}, []]}"#, "mounts[1]: expected an object, found an array (byte 34)"),
    (
      #"{"linux": {"namespaces": [{"type": "net"}]}}"#,
      "linux.namespaces[0].type: \"net\" is none of pid, network, mount, ipc, uts, user, cgroup, time (byte 40)"
    ),
    (
      #"{"linux": {"seccomp": {"syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG"}]}}}"#,
      "linux.seccomp: a filter without defaultAction (byte 80)"
    ),
    (
      #"{"linux": {"seccomp": {"defaultAction": "ALLOW"}}}"#,
      "linux.seccomp.defaultAction: \"ALLOW\" is none of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, "
        + "SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY (byte 47)"
    ),
    (
      #"{"linux": {"resources": {"memory": {"limit": 1.5}}}}"#,
      "linux.resources.memory.limit: expected an integer, found a fraction (byte 45)"
    ),
    ("[]", "expected an object, found an array (byte 0)"),
  ])
  func whatIsWrongIsNamed(_ text: String, _ message: String) {
    do throws(JSONError) {
      _ = try spec(text)
      Issue.record("accepted: \(text)")
    } catch { #expect(error.description == message) }
  }

  /// Engines write an empty filter for none. Flags that are absent are the runtime's choice; an empty list is none.
  @Test func filtersThatSayNothing() throws {
    func filter(_ text: String) throws -> Spec.Seccomp? {
      try spec(#"{"linux": {"seccomp": \#(text)}}"#).linux?.seccomp
    }
    #expect(try filter("{}") == nil)
    #expect(try filter(#"{"defaultAction": "", "architectures": ["SCMP_ARCH_X86"], "syscalls": []}"#) == nil)
    #expect(try filter(#"{"defaultAction": "SCMP_ACT_LOG", "flags": null}"#)?.flags == .some(nil))
    #expect(try filter(#"{"defaultAction": "SCMP_ACT_LOG", "flags": []}"#)?.flags == [])
  }

  /// What runc and crun write as their own example comes back as it was.
  @Test(arguments: ["runc", "crun"])
  func theExampleOfThePeer(_ runtime: String) throws {
    let programs = ["/usr/sbin/", "/usr/bin/", "/usr/local/bin/"].map { $0 + runtime }
    guard let program = programs.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      print("skipped: \(runtime) is not installed")
      return
    }
    let bundle = FileManager.default.temporaryDirectory.appending(path: "skiff-spec-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: bundle, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: bundle) }
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = ["spec"]
    process.currentDirectoryURL = bundle
    try process.run()
    process.waitUntilExit()
    let bytes = [UInt8](try Data(contentsOf: bundle.appending(path: "config.json")))
    let theirs = try Spec(parsing: bytes)
    #expect(theirs.process?.args == ["sh"])
    #expect(theirs.linux?.maskedPaths.contains("/proc/kcore") == true)
    #expect(try Spec(parsing: theirs.jsonBytes()) == theirs)
    // They write false and empty members that we leave out; all of ours is theirs.
    let missing = missing(from: try JSONValue(parsing: bytes), in: try JSONValue(parsing: theirs.jsonBytes()), path: "")
    #expect(missing == [])
  }

  /// Paths whose value says something in `a` and is not the same in `b`.
  private func missing(from a: JSONValue, in b: JSONValue?, path: String) -> [String] {
    switch a {
    case .object(let object) where object.count > 0 && b != nil:
      object.keys.flatMap { missing(from: object[$0]!, in: b?[$0], path: path + "." + $0) }
    case .array(let array) where !array.isEmpty && b?.array?.count == array.count:
      array.indices.flatMap { missing(from: array[$0], in: b?[$0], path: path + "[\($0)]") }
    case .null, .bool(false), .array([]), .string(""): []
    case .object(let object) where object.count == 0: []
    default: a == b ? [] : [path]
    }
  }
}
