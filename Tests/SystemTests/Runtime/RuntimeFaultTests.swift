import Foundation
import Kernel
import Testing

/// kill -9 of the runtime between every two of its steps, by the kill switch of debug builds, full and read-only disks, hooks
/// that hang, and calls that meet: `delete --force` always ends with nothing left.
@Suite(.serialized, .enabled(if: getuid() == 0, "kill -9 between steps needs root: they are real"))
struct RuntimeFaultTests {
  /// Calls the runtime killed at the first step of the phase, at the second, and so on until a call is past the last one.
  private func walk(
    _ phase: String, _ words: [String], in sandbox: RuntimeSandbox, before: () throws -> Void = {},
    after: (_ step: String) throws -> Void
  ) throws {
    for index in 0..<200 {
      try before()
      let step = "\(phase):\(index)"
      let result = try sandbox.runtime(words, environment: ["SKIFF_KILL_AT": step])
      try after(step)
      if result.code != 0 { continue }
      #expect(index > 0, "nobody was ever killed in \(phase)")
      return
    }
    Issue.record("the walk of \(phase) does not end: \(words)")
  }

  private func expectDeletable(_ id: String, in sandbox: RuntimeSandbox, _ step: String) throws {
    let deleted = try sandbox.runtime("delete", "--force", id)
    #expect(deleted.code == 0, "\(step): \(deleted.errors)")
    #expect(sandbox.leaks() == [], "\(step) left something behind")
  }

  private static var hooks: [String: Any] {
    [
      "createRuntime": [["path": "/bin/true"]], "createContainer": [["path": "/bin/true"]],
      "startContainer": [["path": "/bin/true"]], "poststart": [["path": "/bin/true"]],
      "poststop": [["path": "/bin/true"]],
    ]
  }

  @Test(arguments: ["creating", "host", "clone", "wiring", "building", "finishing"])
  func aCreateThatIsKilledCanBeDeleted(phase: String) throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try sandbox.configure(command: ["/bin/sleep", "100"], hooks: Self.hooks)
    try walk(phase, ["create", "-b", sandbox.bundle, id], in: sandbox) { step in
      try expectDeletable(id, in: sandbox, step)
    }
  }

  @Test func aStartThatIsKilledLeavesAContainerThatCanBeDeleted() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try sandbox.configure(command: ["/bin/sleep", "100"], hooks: Self.hooks)
    try walk(
      "starting", ["start", id], in: sandbox,
      before: {
        let created = try sandbox.runtime("create", "-b", sandbox.bundle, id)
        #expect(created.code == 0, "\(created.errors)")
      },
      after: { step in
        let state = try sandbox.runtime("state", id)
        #expect(state.code == 0 && state.output.contains("\"id\": \"\(id)\""), "\(step): \(state.errors)")
        try expectDeletable(id, in: sandbox, step)
      })
  }

  @Test(arguments: ["deleting", "undo"])
  func aDeleteThatIsKilledIsFinishedByTheNext(phase: String) throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try sandbox.configure(command: ["/bin/sleep", "100"], hooks: Self.hooks)
    try walk(
      phase, ["delete", "--force", id], in: sandbox,
      before: {
        let result = try sandbox.runtime("run", "-d", "-b", sandbox.bundle, id)
        #expect(result.code == 0, "\(result.errors)")
      },
      after: { step in try expectDeletable(id, in: sandbox, step) })
  }

  @Test(arguments: ["joining", "finishing"])
  func anExecThatIsKilledLeavesTheContainerAlone(phase: String) throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try sandbox.configure(command: ["/bin/sleep", "100"])
    #expect(try sandbox.runtime("run", "-d", "-b", sandbox.bundle, id).code == 0)
    try walk(phase, ["exec", id, "/bin/true"], in: sandbox) { step in
      let state = try sandbox.runtime("state", id)
      #expect(state.output.contains("\"running\""), "\(step)")
      let executed = try sandbox.runtime("exec", id, "/bin/true")
      #expect(executed.code == 0, "\(step): \(executed.errors)")
    }
    try expectDeletable(id, in: sandbox, phase)
  }

  // MARK: - Hooks

  @Test func aHookThatHangsEndsAtItsTimeout() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let hook: [String: Any] = ["path": "/bin/sleep", "args": ["sleep", "1000"], "timeout": 1]
    try sandbox.configure(command: ["/bin/true"], hooks: ["createRuntime": [hook]])
    let result = try sandbox.runtime("create", "-b", sandbox.bundle, sandbox.prefix)
    #expect(result.code == 1)
    #expect(result.errors.contains("did not end within its 1 s"), "\(result.errors)")
    #expect(sandbox.leaks() == [])
  }

  @Test func aHookThatHangsForEverIsEndedByADeleteWithForce() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let hook: [String: Any] = ["path": "/bin/sleep", "args": ["sleep", "4711"]]
    try sandbox.configure(command: ["/bin/true"], hooks: ["createRuntime": [hook]])
    let id = sandbox.prefix
    let create = try sandbox.start(["create", "-b", sandbox.bundle, id])
    try waitUntil { try sandbox.runtime("state", id).output.contains("\"creating\"") }
    let refused = try sandbox.runtime("delete", id)
    #expect(refused.code == 1 && refused.errors.contains("right now"), "\(refused.errors)")
    try expectDeletable(id, in: sandbox, "a hook that hangs")
    #expect(create.finish().code != 0)
  }

  private func waitUntil(_ condition: () throws -> Bool) throws {
    for _ in 0..<500 where try !condition() { usleep(10_000) }
    #expect(try condition())
  }

  // MARK: - Calls that meet

  @Test func ofManyDeletesOneDoesItAndNoneIsInTheWay() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try sandbox.configure(command: ["/bin/sleep", "100"])
    for _ in 0..<5 {
      #expect(try sandbox.runtime("run", "-d", "-b", sandbox.bundle, id).code == 0)
      let calls = try (0..<4).map { _ in try sandbox.start(["delete", "--force", id]) }
      for call in calls {
        let result = call.finish()
        #expect(result.code == 0, "\(result.errors)")
      }
      #expect(sandbox.leaks() == [])
    }
  }

  @Test func ofManyStartsOneStartsIt() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try sandbox.configure(command: ["/bin/sleep", "100"])
    #expect(try sandbox.runtime("create", "-b", sandbox.bundle, id).code == 0)
    let calls = try (0..<4).map { _ in try sandbox.start(["start", id]) }
    let codes = calls.map { $0.finish().code }
    #expect(codes.filter { $0 == 0 }.count == 1, "\(codes)")
    #expect(try sandbox.runtime("state", id).output.contains("\"running\""))
    try expectDeletable(id, in: sandbox, "many starts")
  }

  // MARK: - Its first process dies early

  @Test func oneThatDiedBeforeItsStartHasStopped() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    #expect(try sandbox.runtime("create", "-b", sandbox.bundle, id).code == 0)
    #expect(try sandbox.runtime("kill", id, "KILL").code == 0)
    try waitUntil { try sandbox.runtime("state", id).output.contains("\"stopped\"") }
    let started = try sandbox.runtime("start", id)
    #expect(started.code == 1 && started.errors.contains("has stopped"), "\(started.errors)")
    #expect(try sandbox.runtime("delete", id).code == 0)
    #expect(sandbox.leaks() == [])
  }

  // MARK: - The state directory

  @Test func aStateOfAnEarlierVersionIsRead() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try sandbox.configure(command: ["/bin/sleep", "100"])
    #expect(try sandbox.runtime("run", "-d", "-b", sandbox.bundle, id).code == 0)
    let file = "\(sandbox.root)/\(id)/state.json"
    // The first version wrote these members and no other; a later one may write more.
    let known = [
      "id", "bundle", "rootfs", "createdSeconds", "createdNanoseconds", "pid", "startTicks", "group", "undo",
    ]
    var state =
      try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: file))) as? [String: Any] ?? [:]
    state = state.filter { known.contains($0.key) }
    state["ofATimeToCome"] = ["deep": [1, 2, 3]]
    try JSONSerialization.data(withJSONObject: state).write(to: URL(filePath: file))
    #expect(try sandbox.runtime("state", id).output.contains("\"running\""))
    try expectDeletable(id, in: sandbox, "an old state")
  }

  @Test func aDamagedStateIsShownAndKeptUntilForceIsUsed() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    #expect(try sandbox.runtime("create", "-b", sandbox.bundle, id).code == 0)
    let process = try sandbox.runtime("state", id).output
    try Data("{\"id\":".utf8).write(to: URL(filePath: "\(sandbox.root)/\(id)/state.json"))
    let deleted = try sandbox.runtime("delete", id)
    #expect(deleted.code == 1 && deleted.errors.contains("cannot read the state"), "\(deleted.errors)")
    // What ran is not known any more: it is ended by hand here.
    let number = process.split(separator: "\n").first { $0.contains("\"pid\"") }?.filter(\.isNumber)
    if let pid = number.flatMap({ Int32($0) }) { kill(pid, SIGKILL) }
    #expect(try sandbox.runtime("delete", "--force", id).code == 0)
    for hierarchy in (try? entries(of: "/sys/fs/cgroup")) ?? [] {
      try? removeDirectory(Path("/sys/fs/cgroup/\(hierarchy.name)/\(id)"))
    }
  }

  /// A disk that is full, and one that cannot be written to: nothing is made, and what runs is not lost.
  @Test(arguments: ["size=64k,nr_inodes=3", "ro"])
  func aStateDirectoryThatCannotBeWrittenLosesNoContainer(options: String) throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try FileManager.default.createDirectory(atPath: sandbox.root, withIntermediateDirectories: true)
    let script = """
      mount -t tmpfs -o \(options) none \(sandbox.root) || exit 99
      "$0" oci --root \(sandbox.root) create -b \(sandbox.bundle) \(id)
      code=$?
      [ -z "$(ls \(sandbox.root))" ] || exit 98
      exit $code
      """
    let line = "unshare --mount --propagation private /bin/sh -c '\(script)' \"$0\""
    let result = try sandbox.base.shell(line)
    #expect(result.code == 1, "\(result.code): \(result.errors)")
    #expect(result.errors.contains("cannot "), "\(result.errors)")
    #expect(sandbox.leaks() == [])
  }
}
