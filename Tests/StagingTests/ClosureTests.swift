import ELF
import Foundation
import Kernel
import Staging
import Testing

@Suite struct ClosureTests {
  /// Dynamic programs of this host, of every size.
  static func programs(atMost count: Int) throws -> [Path] {
    var found: [Path] = []
    for directory in ["/usr/bin", "/usr/sbin", "/usr/lib/git-core"] as [Path] where exists(directory) {
      for entry in try entries(of: directory).sorted(by: { $0.name.string < $1.name.string }) {
        let path = directory.appending(entry.name)
        guard let file = try? open(path, .readOnly), let facts = try? status(of: file.borrowed), facts.kind == .regular,
          let object = try? ELFObject(reading: ByteSource(file.borrowed, size: facts.size)), object.interpreter != nil
        else { continue }
        found.append(path)
      }
    }
    // Spread over the alphabet rather than its first letters.
    let step = max(1, found.count / count)
    return stride(from: 0, to: found.count, by: step).map { found[$0] }
  }

  /// What ldd(1) says: the host's own dynamic linker, asked.
  static func ldd(_ program: Path) throws -> Set<String> {
    let lines = try run(["ldd", program.string]).output.split(separator: "\n")
    return Set(
      lines.compactMap { line -> String? in
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        return words.first { $0.hasPrefix("/") }.map { resolved(String($0)) }
      })
  }

  @Test func agreesWithTheHostsLinker() throws {
    let programs = try Self.programs(atMost: 55)
    try #require(programs.count >= 50)
    let scratch = try Scratch()
    for program in programs {
      let plan = try StagePlan(StageRequest(program.string, into: scratch["root"]))
      let ours = Set(plan.files.filter { $0.kind == .file }.map(\.path.string))
      // By its real name: the kernel tells a program that, and ldd believes the name it is given.
      #expect(ours == (try Self.ldd(Path(resolved(program.string)))).union([resolved(program.string)]), "\(program)")
    }
  }

  /// Several programs at once: every library is copied once, and knows all that asked for it.
  @Test func sharesLibraries() throws {
    let scratch = try Scratch()
    let plan = try StagePlan(StageRequest("bash", "ls", into: scratch["root"]))
    #expect(Set(plan.files.map(\.path)).count == plan.files.count)
    let library = try #require(plan.file(named: "libc.so.6"))
    let askers = library.why.filter { $0.kind == .library }.map(\.by.name)
    #expect(askers.contains("bash") && askers.contains("ls"))
    #expect(plan.file(named: "bash")?.why == [StageReason(.asked, by: "bash")])
  }
}

/// Hosts of other shapes, made of this host's own files: what `stage --host` reads is a tree like any other.
@Suite struct LayoutTests {
  static func object(_ program: Path) throws -> ELFObject {
    let file = try open(program, .readOnly)
    return try ELFObject(reading: ByteSource(file.borrowed, size: status(of: file.borrowed).size))
  }

  /// Puts bash and its libraries into directories of a host's shape.
  static func host(bin: Path, lib: Path, links: [(Path, Path)] = []) throws -> Scratch {
    let scratch = try Scratch()
    for (path, target) in links {
      try makeDirectories(scratch[path].parent, mode: 0o755)
      try makeSymbolicLink(scratch[path], to: target)
    }
    try scratch.write(bin.appending("bash"), readFile("/bin/bash", limit: 1 << 28))
    for library in try ClosureTests.ldd("/bin/bash") {
      let path = Path(library)
      let isLinker = path.name.hasPrefix("ld-")
      if isLinker { continue }
      let soname = try object(path).soname ?? Path(path.name)
      // The library under its full name, and its soname as a link, as packages have it.
      try scratch.write(lib.appending(soname.string + ".99"), readFile(path, limit: 1 << 28))
      try makeSymbolicLink(scratch[lib.appending(soname)], to: Path(soname.string + ".99"))
    }
    let interpreter = try #require(try object("/bin/bash").interpreter)
    if !exists(scratch[interpreter]) { try scratch.write(interpreter, readFile(interpreter, limit: 1 << 28)) }
    return scratch
  }

  static func plan(_ host: Scratch, _ program: String, into directory: Path) throws -> StagePlan {
    var request = StageRequest(program, into: directory, extras: [.directories])
    request.host = host.path
    return try StagePlan(request)
  }

  static let multiarch = Path("/lib/\(Architecture.host.triplet ?? "")")

  @Test(
    .enabled(if: exists("/lib/x86_64-linux-gnu"), "the host's linker must look into multiarch directories")
  )
  func splitLayout() throws {
    let host = try Self.host(bin: "/bin", lib: Self.multiarch)
    let scratch = try Scratch()
    let plan = try Self.plan(host, "bash", into: scratch["root"])
    try plan.perform()
    // Nothing was merged that the host keeps apart.
    #expect(try status(of: scratch["root/bin"], followLinks: false).kind == .directory)
    #expect(try status(of: scratch["root/lib"], followLinks: false).kind == .directory)
    let library = scratch["root"].appending(Self.multiarch)
    #expect(try readSymbolicLink(library.appending("libc.so.6")) == "libc.so.6.99")
    #expect(try status(of: library.appending("libc.so.6.99"), followLinks: false).kind == .regular)
    if isRoot {
      #expect(try run(["chroot", scratch["root"].string, "/bin/bash", "-c", "echo works"]).output == "works\n")
    }
  }

  @Test(
    .enabled(if: exists("/lib/x86_64-linux-gnu"), "the host's linker must look into multiarch directories")
  )
  func mergedLayout() throws {
    let host = try Self.host(
      bin: "/usr/bin", lib: Path("/usr").appending(Self.multiarch),
      links: [("/bin", "usr/bin"), ("/lib", "usr/lib"), ("/lib64", "usr/lib64"), ("/usr/lib64/x", "x")])
    let scratch = try Scratch()
    try Self.plan(host, "bash", into: scratch["root"]).perform()
    #expect(try readSymbolicLink(scratch["root/bin"]) == "usr/bin")
    #expect(try readSymbolicLink(scratch["root/lib64"]) == "usr/lib64")
    if isRoot {
      #expect(try run(["chroot", scratch["root"].string, "/bin/bash", "-c", "echo works"]).output == "works\n")
    }
  }

  /// The seed's own start: directories made by hand where the host has links.
  @Test(.enabled(if: isRoot, "chroot needs root"))
  func mergedHostIntoSplitRoot() throws {
    let scratch = try Scratch()
    for name in ["bin", "lib", "lib64", "sbin"] { try makeDirectories(scratch["root"].appending(name), mode: 0o755) }
    try StagePlan(StageRequest("bash", "ls", into: scratch["root"])).perform()
    #expect(try status(of: scratch["root/lib64"], followLinks: false).kind == .directory)
    #expect(try run(["chroot", scratch["root"].string, "/bin/bash", "-c", "ls /bin"]).output == "bash\nls\n")
  }

  /// A library that only the host's ld.so.cache leads to: the new root gets a cache that leads there too.
  @Test(.enabled(if: isRoot, "chroot needs root"))
  func librariesBehindTheCache() throws {
    let host = try Self.host(bin: "/bin", lib: "/opt/odd/lib")
    let cache = LibraryCache(
      entries: try entries(of: host["/opt/odd/lib"]).map {
        .init(
          name: $0.name, path: Path("/opt/odd/lib").appending($0.name), flags: Architecture.host.cacheFlags ?? 0)
      })
    try host.write("/etc/ld.so.cache", cache.encoded())
    let scratch = try Scratch()
    let plan = try Self.plan(host, "bash", into: scratch["root"])
    try plan.perform()
    #expect(plan.file("/etc/ld.so.cache")?.kind == .generated)
    #expect(try run(["chroot", scratch["root"].string, "/bin/bash", "-c", "echo works"]).output == "works\n")
    // Nothing more to do the second time, the cache included.
    #expect(try Self.plan(host, "bash", into: scratch["root"]).steps.isEmpty)

    // ld.so.conf, its includes and no cache: ldconfig was not run yet.
    try removeFile(host["/etc/ld.so.cache"])
    try host.write("/etc/ld.so.conf", "include ld.so.conf.d/*.conf\n")
    try host.write("/etc/ld.so.conf.d/odd.conf", "/opt/odd/lib\n")
    try Self.plan(host, "bash", into: scratch["second"]).perform()
    #expect(try run(["chroot", scratch["second"].string, "/bin/bash", "-c", "echo works"]).output == "works\n")
  }

  @Test func unresolvableLibrariesAreNamedWithWhoNeedsThem() throws {
    let host = try Self.host(bin: "/bin", lib: "/opt/odd/lib")
    let scratch = try Scratch()
    let error = try #require(failure { _ = try Self.plan(host, "bash", into: scratch["root"]) })
    #expect(error.description.contains("libc.so.6, needed by /bin/bash, cannot be found on this machine"))
    #expect(error.kind == .notFound)
    #expect(try scratch.listing() == [])
  }

  @Test(.enabled(if: Architecture.host == .amd64, "glibc-hwcaps has names for x86-64 only"))
  func betterVariantsBringThePlainOne() throws {
    let levels = HardwareCapabilities.names(level: processorLevel(), for: .host)
    try #require(!levels.isEmpty)
    let host = try Self.host(bin: "/bin", lib: Self.multiarch)
    let better = Self.multiarch.appending("glibc-hwcaps/\(levels[0])/libc.so.6")
    try host.write(better, readFile(host[Self.multiarch.appending("libc.so.6.99")], limit: 1 << 28))
    let scratch = try Scratch()
    let plan = try Self.plan(host, "bash", into: scratch["root"])
    #expect(plan.file(better)?.why.first?.kind == .library)
    #expect(plan.file(Self.multiarch.appending("libc.so.6.99"))?.why.first?.kind == .baseline)
  }
}
