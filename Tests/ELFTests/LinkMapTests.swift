@testable import ELF
import Foundation
import Kernel
import Testing

/// A file system in a dictionary: what the linker's rules see of a tree.
struct Tree {
  var files: [Path: ELFImage] = [:]
  var broken: Set<Path> = []
  /// Names of the same inode.
  var aliases: [Path: Path] = [:]

  func look(_ path: Path) -> ObjectFile? {
    let path = aliases[path.lexicallyNormal] ?? path.lexicallyNormal
    let identity = FileIdentity(device: 1, inode: UInt64(bitPattern: Int64(path.hashValue)))
    if broken.contains(path) { return ObjectFile(identity: identity, contents: .failure(.notELF)) }
    guard let image = files[path] else { return nil }
    let bytes = image.bytes
    do throws(ELFError) {
      return ObjectFile(identity: identity, contents: .success(try ELFObject(reading: ByteSource(bytes))))
    } catch { return ObjectFile(identity: identity, contents: .failure(error)) }
  }

  func link(_ program: Path, origin: Path? = nil, _ change: (inout LinkerConfiguration) -> Void = { _ in }) throws
    -> LinkMap
  {
    let file = try #require(look(program))
    let object = try file.contents.get()
    var configuration = LinkerConfiguration(
      flavor: LinkerFlavor(interpreter: object.interpreter), architecture: object.architecture,
      defaultDirectories: LinkerFlavor(interpreter: object.interpreter) == .musl ? nil : ["/lib64", "/usr/lib64"])
    change(&configuration)
    return LinkMap(
      program: program, origin: origin ?? program.parent, file: file, object: object, configuration, look: look)
  }
}

extension LinkMap {
  var paths: [String] { objects.map(\.path.string) }
}

@Suite struct LinkMapTests {
  static let linker = "/lib64/ld-linux-x86-64.so.2"
  static func tree(_ files: [Path: ELFImage]) -> Tree {
    var all = files
    all[Path(linker)] = ELFImage(soname: "ld-linux-x86-64.so.2")
    return Tree(files: all)
  }
  static func program(_ needed: [String], rpath: String? = nil, runpath: String? = nil) -> ELFImage {
    ELFImage(interpreter: linker, needed: needed, rpath: rpath, runpath: runpath)
  }

  @Test func walksBreadthFirst() throws {
    let map = try Self.tree([
      "/bin/p": Self.program(["a", "b"]), "/lib64/a": ELFImage(needed: ["c"]), "/lib64/b": ELFImage(),
      "/usr/lib64/c": ELFImage(needed: ["ld-linux-x86-64.so.2", "a"]),
    ]).link("/bin/p")
    #expect(map.paths == ["/bin/p", Self.linker, "/lib64/a", "/lib64/b", "/usr/lib64/c"])
    #expect(map.missing.isEmpty && map.missingInterpreter == nil)
    #expect(map.edges.contains(.init(from: 4, to: 1, name: "ld-linux-x86-64.so.2")))
    #expect(map.edges.contains(.init(from: 4, to: 2, name: "a")))
  }

  /// ld.so(8): RPATH is inherited by what is loaded on its behalf, RUNPATH is not.
  @Test func runpathIsNotInherited() throws {
    let files: [Path: ELFImage] = ["/opt/a": ELFImage(needed: ["b"]), "/opt/b": ELFImage()]
    let inherited = Self.tree(files.merging(["/bin/p": Self.program(["a"], rpath: "/opt")]) { $1 })
    #expect(try inherited.link("/bin/p").paths.suffix(2) == ["/opt/a", "/opt/b"])
    let own = Self.tree(files.merging(["/bin/p": Self.program(["a"], runpath: "/opt")]) { $1 })
    let map = try own.link("/bin/p")
    #expect(map.missing == [.init(name: "b", neededBy: "/opt/a", reason: .notFound)])
  }

  /// An object with both has no RPATH, for itself and for those below it.
  @Test func runpathSilencesRpath() throws {
    let tree = Self.tree([
      "/bin/p": Self.program(["a"], rpath: "/r", runpath: "/n"), "/r/a": ELFImage(), "/lib64/a": ELFImage(),
    ])
    #expect(try tree.link("/bin/p").paths.last == "/lib64/a")
    // A library with a RUNPATH does not look along the program's RPATH.
    let second = Self.tree([
      "/bin/p": Self.program(["a"], rpath: "/r"), "/r/a": ELFImage(needed: ["b"], runpath: "/n"), "/r/b": ELFImage(),
    ])
    #expect(try second.link("/bin/p").missing.map(\.name) == ["b"])
  }

  @Test func searchesInOrder() throws {
    let places: [Path] = ["/rpath", "/env", "/runpath", "/cache", "/conf", "/lib64"]
    for first in places.indices {
      var files: [Path: ELFImage] = [
        "/bin/p": Self.program(["a"], rpath: first == 0 ? "/rpath" : nil, runpath: first == 0 ? nil : "/runpath")
      ]
      for place in places[first...] { files[place.appending("a")] = ELFImage() }
      let map = try Self.tree(files).link("/bin/p") {
        $0.libraryPath = ["/env"]
        $0.cache = LibraryCache(entries: [.init(name: "a", path: "/cache/a", flags: 0x0303)])
        $0.configuredDirectories = ["/conf"]
      }
      #expect(map.paths.last == places[first].appending("a").string)
    }
  }

  @Test func originIsWhereTheObjectWasFound() throws {
    let tree = Self.tree([
      "/usr/bin/p": Self.program(["a"], runpath: "$ORIGIN/../lib"),
      "/opt/x/lib/a": ELFImage(needed: ["b"], runpath: "$ORIGIN"),
      "/opt/x/lib/b": ELFImage(),
    ])
    // /usr/bin/p is a link into /opt/x/bin, and the kernel tells the program so.
    let map = try tree.link("/usr/bin/p", origin: "/opt/x/bin")
    #expect(map.paths.suffix(2) == ["/opt/x/bin/../lib/a", "/opt/x/bin/../lib/b"])
  }

  @Test func expandsNeededNames() throws {
    let tree = Self.tree([
      "/bin/p": Self.program(["$ORIGIN/a", "/usr/$LIB/b", "./c", ""]), "/bin/a": ELFImage(), "/usr/lib64/b": ELFImage(),
    ])
    let map = try tree.link("/bin/p")
    #expect(map.paths.suffix(2) == ["/bin/a", "/usr/lib64/b"])
    #expect(map.missing.map(\.name) == ["./c"])
  }

  @Test func prefersTheBestCapability() throws {
    let tree = Self.tree([
      "/bin/p": Self.program(["a"]), "/lib64/a": ELFImage(), "/lib64/glibc-hwcaps/x86-64-v2/a": ELFImage(),
      "/lib64/glibc-hwcaps/x86-64-v3/a": ELFImage(),
    ])
    #expect(
      try tree.link("/bin/p") { $0.capabilities = ["x86-64-v3", "x86-64-v2"] }.paths.last
        == "/lib64/glibc-hwcaps/x86-64-v3/a")
    #expect(try tree.link("/bin/p").paths.last == "/lib64/a")
  }

  @Test func passesOverOtherMachines() throws {
    var tree = Self.tree([
      "/bin/p": Self.program(["a"]), "/lib64/a": ELFImage(is64Bit: false, machine: 3), "/usr/lib64/a": ELFImage(),
    ])
    #expect(try tree.link("/bin/p").paths.last == "/usr/lib64/a")
    tree.files["/usr/lib64/a"] = nil
    #expect(
      try tree.link("/bin/p").missing
        == [.init(name: "a", neededBy: "/bin/p", reason: .otherArchitecture("/lib64/a", .i386))])
  }

  /// The linker stops at a file that is no library; it does not look further.
  @Test func stopsAtWhatIsNoLibrary() throws {
    var tree = Self.tree(["/bin/p": Self.program(["a"]), "/usr/lib64/a": ELFImage()])
    tree.broken = ["/lib64/a"]
    #expect(
      try tree.link("/bin/p").missing
        == [.init(name: "a", neededBy: "/bin/p", reason: .unreadable("/lib64/a", .notELF))])
  }

  @Test func oneFileIsLoadedOnce() throws {
    var tree = Self.tree([
      "/bin/p": Self.program(["a", "a.1", "other"]), "/lib64/a": ELFImage(soname: "other"),
    ])
    tree.aliases["/lib64/a.1"] = "/lib64/a"
    let map = try tree.link("/bin/p")
    #expect(map.paths == ["/bin/p", Self.linker, "/lib64/a"])
    #expect(map.edges.map(\.to) == [2, 2, 2])
  }

  @Test func honoursNODEFLIB() throws {
    let tree = Self.tree([
      "/bin/p": ELFImage(interpreter: Self.linker, needed: ["a"], flags1: 0x800), "/lib64/a": ELFImage(),
    ])
    let map = try tree.link("/bin/p") {
      $0.cache = LibraryCache(entries: [.init(name: "a", path: "/lib64/a", flags: 0x0303)])
    }
    #expect(map.missing.map(\.name) == ["a"])
  }

  @Test func namesAMissingInterpreter() throws {
    let tree = Tree(files: ["/bin/p": Self.program([])])
    #expect(try tree.link("/bin/p").missingInterpreter?.name == Path(Self.linker))
  }

  @Test func followsMuslsRules() throws {
    let musl = "/lib/ld-musl-x86_64.so.1"
    let tree = Tree(files: [
      "/bin/p": ELFImage(interpreter: musl, needed: ["libc.so", "a"], runpath: "/opt"), Path(musl): ELFImage(),
      // RUNPATH goes on to what is loaded on its behalf.
      "/opt/a": ELFImage(needed: ["b", "libc.musl-x86_64.so.1"]), "/opt/b": ELFImage(),
    ])
    let map = try tree.link("/bin/p")
    #expect(map.paths == ["/bin/p", musl, "/opt/a", "/opt/b"])
    #expect(map.missing.isEmpty)
  }

  /// Each library needs two that nobody else has: without a bound this would go on as long as names can be told apart.
  @Test func aHostileTreeEnds() throws {
    var count = 0
    let program = ELFImage(interpreter: Self.linker, needed: ["/x", "/y"])
    let file = ObjectFile(
      identity: .init(device: 0, inode: 0), contents: .success(try program.parsed()))
    let map = LinkMap(
      program: "/p", origin: "/", file: file, object: try program.parsed(),
      LinkerConfiguration(flavor: .glibc, architecture: .amd64)
    ) { path in
      count += 1
      var object = ELFObject(architecture: .amd64, kind: .shared)
      object.needed = [Path(path.string + "x"), Path(path.string + "y")]
      return ObjectFile(identity: .init(device: 1, inode: UInt64(count)), contents: .success(object))
    }
    #expect(map.objects.count == 4096)
    #expect(map.missing.contains { $0.reason == .tooMany })
  }
}
