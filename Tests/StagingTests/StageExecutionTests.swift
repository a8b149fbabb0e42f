import Foundation
import Kernel
import Staging
import Steps
import Testing

@Suite struct StageExecutionTests {
  static let tools = ["bash", "ls", "echo"]

  @Test(.enabled(if: isRoot, "chroot needs root"))
  func theStagedRootWorks() throws {
    let scratch = try Scratch()
    var request = StageRequest("bash", "ls", "ps", "echo", "nc", "ip", into: scratch["root"], extras: .all)
    let present = request.programs.filter { name in
      ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].contains { exists(Path($0).appending(name)) }
    }
    request.programs = present
    request.searchPath = ["/usr/bin", "/bin"]
    let plan = try StagePlan(request)
    try plan.perform()
    let root = scratch["root"].string
    #expect(
      try run(["chroot", root, "/bin/bash", "-c", "ls -d /etc; echo $BASH_VERSION | head -c0; echo ok"]).output
        .hasSuffix("/etc\nok\n"))
    for program in present where ["ls", "ip"].contains(program.string) {
      let flag = program == "ip" ? "-V" : "--version"
      #expect(try run(["chroot", root, program.string, flag]).code == 0, "\(program)")
    }
    #expect(try status(of: scratch["root/tmp"]).mode == 0o1777)
    #expect(try status(of: scratch["root/root"]).mode == 0o700)
    for name in ["proc", "sys", "dev", "run", "var"] {
      #expect(try status(of: scratch["root"].appending(name)).kind == .directory)
    }
    // Everything that was planned is there, and nothing else: no temporary name survives.
    for file in plan.files { #expect(exists(scratch["root"].appending(file.path), followLinks: false), "\(file.path)") }
    #expect(try entries(of: scratch.path).map(\.name) == ["root"])
  }

  @Test func aSecondRunAddsOnlyWhatIsMissing() throws {
    let scratch = try Scratch()
    try StagePlan(StageRequest("bash", "ls", into: scratch["root"], extras: .all)).perform()
    let before = try scratch.listing("root")
    let again = try StagePlan(StageRequest("bash", "ls", into: scratch["root"], extras: .all))
    #expect(again.steps.isEmpty && again.newFiles.isEmpty && !again.files.isEmpty)

    // One program more: its own files only. One that somebody changed stays as it is.
    let changed = scratch["root/etc/passwd"]
    try replaceFile(changed, with: Array("mine\n".utf8), durable: false)
    try StagePlan(StageRequest("bash", "ls", "cat", into: scratch["root"], extras: .all)).perform()
    let after = try scratch.listing("root")
    #expect(Set(before).subtracting(after).count == 1)
    #expect(Set(after).subtracting(before).contains { $0.contains("/cat ") })
    #expect(try readFile(changed) == Array("mine\n".utf8))
  }

  /// A tree that was asked for comes whole, or it is told what did not: holes stay holes, nothing is copied into itself.
  @Test func takesTreesAlong() throws {
    let scratch = try Scratch()
    let deep = Array(repeating: "d", count: 100).joined(separator: "/")
    try scratch.write(Path("tree/\(deep)/file"), "deep")
    try makeNode(scratch["tree/fifo"], kind: .fifo, mode: 0o644)
    try makeSymbolicLink(scratch["tree/nowhere"], to: "missing")
    try scratch.write("tree/sparse", "x")
    let sparse = try open(scratch["tree/sparse"], .readWrite)
    try sparse.borrowed.truncate(to: 8 << 20)
    try sparse.borrowed.seek(to: 4 << 20)
    try sparse.borrowed.write(Array("middle".utf8)[...])
    try makeDirectory(scratch["tree/root"], mode: 0o755)
    var request = StageRequest(into: scratch["tree/root"])
    request.paths = [scratch["tree"]]
    let plan = try StagePlan(request)
    try plan.perform()
    #expect(plan.notes.count == 3 && plan.notes.contains { $0.contains("tree/root was left out") }, "\(plan.notes)")
    let copy = scratch["tree/root"].appending(scratch["tree"])
    #expect(try readFile(copy.appending(Path("\(deep)/file"))) == Array("deep".utf8))
    #expect(try readFile(copy.appending("sparse"), limit: 1 << 28) == readFile(scratch["tree/sparse"], limit: 1 << 28))
    #expect(try status(of: copy.appending("sparse")).blocks * 512 < 2 << 20)
    #expect(try StagePlan(request).steps.isEmpty)
  }

  /// What is there and cannot be entered is named; a name may take all of its 255 bytes.
  @Test func namesOfAllKinds() throws {
    let scratch = try Scratch()
    try makeSymbolicLink(scratch["link"], to: "gone")
    let told = failure { _ = try StagePlan(StageRequest("ls", into: scratch["link"])) }
    #expect(told?.description.contains("is a symbolic link to gone, which is not there") == true)
    let program = scratch["link"].string
    #expect(
      failure { _ = try StagePlan(StageRequest(program, into: scratch["a"])) }?.description.contains("leads nowhere")
        == true)
    try makeDirectory(scratch["root"], mode: 0o755)
    try makeSymbolicLink(scratch["root/usr"], to: "/elsewhere/entirely")
    let lost = failure { _ = try StagePlan(StageRequest("ls", into: scratch["root"])) }
    #expect(lost?.description.contains("links of the new root lead from") == true, "\(String(describing: lost))")
    let long = Path(String(repeating: "n", count: 255))
    try StagePlan(StageRequest("ls", into: scratch.path.appending(long))).perform()
    #expect(try entries(of: scratch.path.appending(long)).isEmpty == false)
  }

  @Test func keepsModesAndTimesAndTellsTheHostApart() throws {
    let scratch = try Scratch()
    try scratch.write("tool", "#!/bin/bash\n", mode: isRoot ? 0o4751 : 0o751)
    try setModified(of: scratch["tool"], to: Timestamp(seconds: 1_000_000_000, nanoseconds: 5))
    try StagePlan(StageRequest(scratch["tool"].string, into: scratch["root"])).perform()
    let copy = scratch["root"].appending(scratch["tool"])
    #expect(try status(of: copy).mode == (isRoot ? 0o4751 : 0o751))
    #expect(try status(of: copy).modified == Timestamp(seconds: 1_000_000_000, nanoseconds: 5))
    // A copy by default: who writes to the root does not write to the host.
    #expect(try status(of: copy).inode != status(of: scratch["tool"]).inode)
    var linked = StageRequest(scratch["tool"].string, into: scratch["linked"])
    linked.copying = .hardLinks
    try StagePlan(linked).perform()
    let name = scratch["linked"].appending(scratch["tool"])
    // On a file system that shares blocks that comes first, and is as good.
    if try status(of: name).inode == status(of: scratch["tool"]).inode { #expect(try status(of: name).linkCount == 2) }
  }

  /// Names inside a root that somebody else wrote lead nowhere outside of it.
  @Test func linksOfAHostileRootStayInside() throws {
    let scratch = try Scratch()
    try scratch.write("outside/keep", "untouched")
    let outside = scratch["outside"]
    try makeDirectories(scratch["root/usr"], mode: 0o755)
    try makeSymbolicLink(scratch["root/etc"], to: outside)
    try makeSymbolicLink(scratch["root/usr/bin"], to: "../../../../../../../..\(outside)")
    let before = try scratch.listing("outside")
    _ = failure { try StagePlan(StageRequest("bash", into: scratch["root"], extras: .all)).perform() }
    #expect(try scratch.listing("outside") == before)
    // The same, put there between the plan and the act.
    let plan = try StagePlan(StageRequest("bash", into: scratch["second"], extras: []))
    #expect(plan.building != nil)
    try makeDirectories(scratch["third/usr"], mode: 0o755)
    let late = try StagePlan(StageRequest("bash", into: scratch["third"], extras: []))
    try removeTree(scratch["third/usr"])
    try makeSymbolicLink(scratch["third/usr"], to: outside)
    #expect(failure { try late.perform() } != nil)
    #expect(try scratch.listing("outside") == before)
  }

  @Test func aNewDirectoryIsThereWholeOrNotAtAll() throws {
    let scratch = try Scratch()
    let plan = try StagePlan(StageRequest("bash", into: scratch["a/b/root"], extras: .all))
    // Somebody else is faster.
    try makeDirectories(scratch["a/b/root"], mode: 0o755)
    try scratch.write("a/b/root/theirs", "")
    let error = try #require(failure { try plan.perform() })
    #expect(error.description.contains("appeared while it was being staged"))
    #expect(try scratch.listing("a") == ["/b/ 0755", "/b/root/ 0755", "/b/root/theirs 0755 0 \([UInt8]().hashValue)"])
  }

  @Test func undoesAllThatItMade() throws {
    let scratch = try Scratch()
    try scratch.write("root/kept", "x")
    let before = try scratch.listing()
    // The source vanishes between the plan and the act.
    try scratch.write("tool", "#!/bin/bash\n")
    let plan = try StagePlan(StageRequest("ls", scratch["tool"].string, into: scratch["root"], extras: [.directories]))
    try removeFile(scratch["tool"])
    let error = try #require(failure { try plan.perform() })
    #expect(error.description.contains("tool"))
    #expect(try scratch.listing() == before)
  }

  @Test(.enabled(if: isRoot, "mounting needs root"), arguments: [1, 3, 6, 12])
  func aFullDiskLeavesNothing(megabytes: Int) throws {
    let scratch = try Scratch()
    try makeDirectories(scratch["disk"], mode: 0o755)
    try mount(source: "tmpfs", on: scratch["disk"], type: "tmpfs", flags: [], data: "size=\(megabytes)m")
    defer { try? unmount(scratch["disk"]) }
    try scratch.write("disk/old/kept", "x")
    let before = try scratch.listing("disk")
    // Into a directory that was there, and into a new one.
    for name in ["disk/old", "disk/new"] as [Path] {
      let plan = try StagePlan(StageRequest("bash", "ls", "ps", "ip", "git", into: scratch[name], extras: .all))
      try #require(plan.newBytes > megabytes << 20)
      let error = try #require(failure { try plan.perform() })
      #expect(error.description.contains("no space left on device"), "\(error)")
      #expect(error.hint?.contains("the disk is full") == true)
      #expect(try scratch.listing("disk") == before)
    }
  }

  @Test(.enabled(if: isRoot, "mounting needs root"))
  func aReadOnlyDiskIsSaid() throws {
    let scratch = try Scratch()
    try makeDirectories(scratch["disk"], mode: 0o755)
    try mount(source: "tmpfs", on: scratch["disk"], type: "tmpfs", flags: [.readOnly])
    defer { try? unmount(scratch["disk"]) }
    let error = try #require(failure { try StagePlan(StageRequest("ls", into: scratch["disk/root"])).perform() })
    #expect(error.description.contains("read-only file system"))
    #expect(error.hint != nil)
  }

  /// What a killed run left beside the root is swept by the next; what a living one builds is not.
  @Test func sweepsWhatWasLeftBehind() throws {
    let scratch = try Scratch()
    // No process has that number: the kernel's own limit is 4194304.
    try makeDirectories(scratch[".root.stage-4194399/usr"], mode: 0o755)
    try makeDirectories(scratch[".root.stage-1/usr"], mode: 0o755)
    try makeDirectories(scratch[".root.stage-x"], mode: 0o755)
    try StagePlan(StageRequest("ls", into: scratch["root"])).perform()
    #expect(try entries(of: scratch.path).map(\.name.string).sorted() == [".root.stage-1", ".root.stage-x", "root"])
  }
}
