import Dispatch
import Kernel
import Testing

@testable import Volumes

@Suite struct VolumeTests {
  @Test(arguments: [
    ("data", true), ("a1", true), ("A_.-", true), ("9x", true), ("a", false), ("", false), (".a", false), ("-a", false),
    ("_a", false), ("a/b", false), ("..", false), ("a b", false), ("a\n", false), ("é2", false),
    (String(repeating: "a", count: 255), true), (String(repeating: "a", count: 256), false),
  ]) func names(_ name: String, _ isValid: Bool) throws {
    #expect(VolumeStore.isValid(name: name) == isValid)
    guard !isValid else { return }
    try withTemporaryDirectory { (directory) throws in
      let store = VolumeStore(root: directory, run: "/nonexistent")
      let fault = #expect(throws: Fault.self) { _ = try store.create(name) }
      #expect(fault?.errno == .invalid)
      #expect(throws: Fault.self) { try store.remove(name) }
      #expect(try entries(of: directory).isEmpty)
    }
  }

  @Test func anonymousNamesAreValidDifferAndLeadBackToTheirContainer() throws {
    let container = String(repeating: "c", count: 64)
    let names = (0..<2).map { _ in VolumeStore.anonymousName(for: container) }
    #expect(names[0] != names[1] && names.allSatisfy { $0.utf8.count == 64 && VolumeStore.isValid(name: $0) })
    try withTemporaryDirectory { (directory) throws in
      let store = VolumeStore(root: directory, run: "/nonexistent")
      for name in names + ["cccc", VolumeStore.anonymousName(for: String(repeating: "d", count: 64))] {
        _ = try store.create(name)
      }
      #expect(store.anonymousNames(for: container).sorted() == names.sorted())
      #expect(store.anonymousNames(for: "").isEmpty)
    }
  }

  /// What nobody named is made and removed many at a time; each is as one that is made alone.
  @Test(arguments: [1, 200]) func manyAtOnce(_ count: Int) throws {
    try withTemporaryDirectory { (directory) throws in
      let store = VolumeStore(root: directory.appending("volumes"), run: directory.appending("run"))
      let image = directory.appending("image")
      try makeDirectories(image.appending("a0"), mode: 0o750)
      try replaceFile(image.appending("a0/file"), with: [1], durable: false)
      let container = String(repeating: "c", count: 64)
      let wanted = (0..<count).map {
        NamelessVolume(VolumeStore.anonymousName(for: container), at: Path("/a\($0)"), copies: true)
      }
      let holds = try store.make(wanted, layers: [image])
      #expect(holds.map(\.directory) == wanted.map { store.mountpoint(of: $0.name) })
      let names = wanted.map(\.name)
      #expect(try store.list().map(\.name) == names.sorted() && entries(of: store.root).count == count)
      #expect(try status(of: holds[0].directory).mode == 0o750 && readFile(holds[0].directory.appending("file")) == [1])
      for hold in holds.dropFirst() {
        #expect(try status(of: hold.directory).mode == 0o755 && entries(of: hold.directory).isEmpty)
      }
      // What is used is filled no more.
      #expect(try names.allSatisfy { try store.read($0).isUsed })
      // While they are held nobody removes them.
      #expect(store.removeAll(names) { [] }.isEmpty)
      for hold in holds { hold.end() }
      var looks = 0
      let left = store.removeAll(names) {
        looks += 1
        return [names[0]]
      }
      #expect(left == Array(names.dropFirst()) && looks == (count + 127) / 128)
      #expect(try store.list().map(\.name) == [names[0]])
    }
  }

  /// A name that is taken leaves nothing half made.
  @Test func oneOfManyThatCannotBe() throws {
    try withTemporaryDirectory { (directory) throws in
      let store = VolumeStore(root: directory, run: "/nonexistent")
      _ = try store.create("taken")
      let wanted = ["first", "taken", "last"].map { NamelessVolume($0, at: "/x", copies: false) }
      let fault = #expect(throws: Fault.self) { _ = try store.make(wanted, layers: []) }
      #expect(fault?.errno == .exists)
      #expect(try entries(of: directory).map(\.name.string).sorted() == ["first", "taken"])
    }
  }

  @Test func aLife() throws {
    try withTemporaryDirectory { (directory) throws in
      let store = VolumeStore(root: directory.appending("volumes"), run: directory.appending("run"))
      #expect(try store.list().isEmpty)
      let made = try store.create("data", labels: ["a": "b", "c": "\"\n"])
      #expect(try store.create("data") == made)
      _ = try store.create("another")
      #expect(try store.list().map(\.name) == ["another", "data"])
      #expect(try store.find("data")?.labels == ["a": "b", "c": "\"\n"])
      #expect(try status(of: store.root).mode == 0o700)
      try replaceFile(made.mountpoint.appending("file"), with: [1], durable: false)
      try store.remove("data")
      #expect(try store.find("data") == nil)
      let fault = #expect(throws: Fault.self) { try store.remove("data") }
      #expect(fault?.errno == .noSuchFile)
      #expect(try entries(of: store.root).map(\.name) == ["another"])
    }
  }

  @Test func whatWasLeftHalfMadeIsHealed() throws {
    try withTemporaryDirectory { (directory) throws in
      let store = VolumeStore(root: directory, run: "/nonexistent")
      // No process has a number beyond pid_max (4,194,304).
      try makeDirectories(directory.appending(".4194305.1.new/_data"), mode: 0o700)
      try makeDirectory(directory.appending(".\(parentProcessIdentifier()).1.removed"), mode: 0o700)
      try makeDirectory(directory.appending(".other"), mode: 0o700)
      #expect(try store.list().isEmpty)
      #expect(
        try Set(entries(of: directory).map(\.name)) == [".\(parentProcessIdentifier()).1.removed", ".other"])
    }
  }

  private func image(in directory: Path) throws -> [Path] {
    let (top, base) = (directory.appending("top"), directory.appending("base"))
    for path in [base.appending("srv/data/sub"), top.appending("srv/data"), base.appending("etc")] {
      try makeDirectories(path, mode: 0o755)
    }
    try setMode(of: base.appending("srv/data/sub"), to: 0o710)
    try replaceFile(base.appending("srv/data/low"), with: Array("low".utf8), durable: false)
    try replaceFile(base.appending("srv/data/both"), with: Array("low".utf8), durable: false)
    try replaceFile(top.appending("srv/data/both"), with: Array("top".utf8), durable: false)
    try setMode(of: top.appending("srv/data"), to: 0o1777)
    try setOwner(of: top.appending("srv/data"), user: 5, group: 6)
    try makeSymbolicLink(base.appending("link"), to: "/srv/data")
    try makeSymbolicLink(base.appending("host"), to: "../../../../../../../../etc")
    return [top, base]
  }

  @Test(.enabled(if: effectiveUser() == 0, "mounting the image's layers needs root"))
  func theFirstUseCopiesWhatTheImageHas() throws {
    try withTemporaryDirectory { (directory) throws in
      let layers = try image(in: directory)
      let store = VolumeStore(root: directory.appending("volumes"), run: directory.appending("run"))
      for (name, target) in [("one", "/srv/data"), ("two", "/link")] as [(String, Path)] {
        let data = try store.directory(name, for: "someone", copyingUp: target, layers: layers).directory
        #expect(try readText(data.appending("low")) == "low")
        #expect(try readText(data.appending("both")) == "top")
        #expect(try status(of: data.appending("sub")).mode == 0o710)
        let top = try status(of: data)
        #expect(top.mode == 0o1777 && top.owner == 5 && top.group == 6)
      }
      // The volume's from now on.
      let data = try store.directory("one", for: "someone", copyingUp: "/srv/data", layers: layers).directory
      try removeFile(data.appending("low"))
      #expect(try store.directory("one", for: "someone", copyingUp: "/srv/data", layers: layers).directory == data)
      #expect(!exists(data.appending("low")))
      // Links of the image lead nowhere else.
      let host = try store.directory("host", for: "someone", copyingUp: "/host", layers: layers).directory
      #expect(try entries(of: host).isEmpty)
      for target in ["/no/such", "/srv/data/low"] as [Path] {
        #expect(
          try entries(of: store.directory("none", for: "someone", copyingUp: target, layers: layers).directory).isEmpty)
      }
      // A root that is a directory of the host.
      let plain = try store.directory("plain", for: "someone", copyingUp: "/srv/data", layers: [layers[1]]).directory
      #expect(try readText(plain.appending("both")) == "low")
    }
  }

  @Test func aVolumeThatHasSomethingKeepsIt() throws {
    try withTemporaryDirectory { (directory) throws in
      let layers = try image(in: directory)
      let store = VolumeStore(root: directory.appending("volumes"), run: directory.appending("run"))
      let data = try store.create("data").mountpoint
      try replaceFile(data.appending("mine"), with: [1], durable: false)
      // A copy that was cut short by kill -9.
      try makeDirectories(store.root.appending("data/_data.new/half"), mode: 0o755)
      #expect(
        try store.directory("data", for: "someone", copyingUp: "/srv/data", layers: [layers[1]]).directory == data)
      #expect(try entries(of: data).map(\.name) == ["mine"])
      #expect(!exists(store.root.appending("data/_data.new")))
    }
  }

  @Test func manyAtOnceMakeOne() throws {
    try withTemporaryDirectory { (directory) throws in
      let layers = try image(in: directory)
      let store = VolumeStore(root: directory.appending("volumes"), run: directory.appending("run"))
      try makeDirectory(store.root, mode: 0o700)
      DispatchQueue.concurrentPerform(iterations: 16) { _ in
        do {
          _ = try store.directory("data", for: "someone", copyingUp: "/srv/data", layers: [layers[1]]).directory
        } catch {
          Issue.record("\(error)")
        }
      }
      #expect(try store.list().map(\.name) == ["data"])
      #expect(try entries(of: store.root).count == 1)
      #expect(try readText(store.root.appending("data/_data/low")) == "low")
    }
  }
}
