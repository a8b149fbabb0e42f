import ELF
import Foundation
import Inside
import Kernel
import Rooted
import Testing

/// A root file system in a temporary directory, filled from this host.
final class Fixture {
  let directory: Path
  init() throws {
    directory = Path(FileManager.default.temporaryDirectory.appending(path: "skiff-\(UUID().uuidString)").path)
    try makeDirectories(directory, mode: 0o755)
  }
  deinit { try? removeTree(directory) }

  func path(_ name: Path) -> Path { directory.appending(name) }

  func write(_ name: Path, _ contents: [UInt8], mode: FileMode = 0o755) throws {
    try makeDirectories(path(name).parent, mode: 0o755)
    try replaceFile(path(name), with: contents, mode: mode, durable: false)
    try setMode(of: path(name), to: mode)
  }

  func write(_ name: Path, _ contents: String, mode: FileMode = 0o755) throws {
    try write(name, Array(contents.utf8), mode: mode)
  }

  /// The host's file, links resolved, at the same name.
  func copy(_ name: Path) throws { try write(name, readFile(name, limit: 1 << 28)) }

  /// All that the host's program loads, by the linker's own account.
  func copyClosure(of program: Path) throws {
    try copy(program)
    for library in try Self.libraries(of: program) { try copy(library) }
  }

  static func libraries(of program: Path) throws -> [Path] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/ldd")
    process.arguments = [program.string]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text.split(separator: "\n").compactMap { line in
      line.split(separator: " ").first { $0.drop { $0 == "\t" }.hasPrefix("/") }.map {
        Path($0.trimmingCharacters(in: .whitespaces))
      }
    }
  }

  func diagnose(_ program: Path, libraryPath: [Path] = []) throws -> Diagnosis? {
    let root = try Root(at: directory)
    return Inside.diagnose(
      program: program, searchPath: ["/usr/bin", "/bin"], libraryPath: libraryPath, in: root)
  }
}

@Suite struct ExecDiagnosisTests {
  static let bash: Path = "/bin/bash"

  /// The seed's first chapter: no binary, then no libraries, then all of it.
  @Test func theSeedsFailures() throws {
    let fixture = try Fixture()
    var diagnosis = try #require(try fixture.diagnose("/bin/bash"))
    #expect(diagnosis.reason == .programMissing && diagnosis.exitCode == 127)
    #expect(diagnosis.hint(stagingInto: .directory("my_container")) == "skiff stage my_container /bin/bash")

    try fixture.copy(Self.bash)
    diagnosis = try #require(try fixture.diagnose("bash"))
    let linker = try #require(try Fixture.libraries(of: Self.bash).first { $0.name.hasPrefix("ld-") })
    #expect(diagnosis.reason == .interpreterMissing(linker))
    #expect(diagnosis.others.contains("libc.so.6"))
    #expect(diagnosis.description.contains("\(linker), its dynamic linker, which is missing"))
    #expect(diagnosis.hint(stagingInto: .directory("my_container")) == "skiff stage my_container bash")

    try fixture.copy(linker)
    diagnosis = try #require(try fixture.diagnose("bash"))
    guard case .librariesMissing(let missing) = diagnosis.reason else {
      Issue.record("\(diagnosis)")
      return
    }
    #expect(missing.contains { $0.name == "libc.so.6" && $0.neededBy == Self.bash })
    #expect(diagnosis.isUnseenByTheKernel && diagnosis.exitCode == 127)
    #expect(diagnosis.description.contains("libc.so.6, needed by /bin/bash, is missing"))

    try fixture.copyClosure(of: Self.bash)
    #expect(try fixture.diagnose("bash") == nil)
  }

  /// A library in a directory that this linker does not search is as good as missing.
  @Test func knowsWhereTheLinkerLooks() throws {
    let fixture = try Fixture()
    try fixture.copyClosure(of: Self.bash)
    let library = try #require(try Fixture.libraries(of: Self.bash).first { $0.name.hasPrefix("libc.so") })
    try makeDirectories(fixture.path("/opt/odd"), mode: 0o755)
    try rename(fixture.path(library), to: fixture.path("/opt/odd/libc.so.6"))
    #expect(try fixture.diagnose("bash")?.others == ["libc.so.6"])
    #expect(try fixture.diagnose("bash", libraryPath: ["/opt/odd"]) == nil)
    let cache = LibraryCache(entries: [
      .init(name: "libc.so.6", path: "/opt/odd/libc.so.6", flags: Architecture.host.cacheFlags ?? 0)
    ])
    try fixture.write("/etc/ld.so.cache", cache.encoded())
    #expect(try fixture.diagnose("bash") == nil)
  }

  @Test func anOptionWhereTheProgramStandsIsToldApart() throws {
    let fixture = try Fixture()
    let diagnosis = try #require(try fixture.diagnose("-c"))
    #expect(diagnosis.reason == .programMissing)
    #expect(diagnosis.hint(stagingInto: .image("web"))?.contains("the first word behind it is the program") == true)
  }

  @Test func scripts() throws {
    let fixture = try Fixture()
    try fixture.write("/bin/a", "#!/bin/sh\n")
    #expect(try fixture.diagnose("a")?.reason == .scriptInterpreterMissing("/bin/sh"))
    try fixture.write("/bin/a", "#!/bin/sh\r\necho\r\n")
    var diagnosis = try #require(try fixture.diagnose("a"))
    #expect(diagnosis.reason == .carriageReturn("/bin/sh"))
    #expect(diagnosis.hint(stagingInto: nil)?.contains("sed") == true)
    try fixture.copyClosure(of: "/usr/bin/env")
    try fixture.write("/bin/a", "#!/usr/bin/env python9\n")
    diagnosis = try #require(try fixture.diagnose("/bin/a"))
    #expect(diagnosis.reason == .scriptInterpreterMissing("python9"))
    #expect(diagnosis.hint(stagingInto: .image("web")) == "skiff stage -t web python9")
    #expect(diagnosis.isUnseenByTheKernel)
    try fixture.write("/bin/a", "#!/usr/bin/env bash\r\n")
    diagnosis = try #require(try fixture.diagnose("a"))
    #expect(diagnosis.reason == .carriageReturn("bash") && diagnosis.isUnseenByTheKernel)
    // perl does not mind one behind its own arguments, so that is left to the interpreter.
    try fixture.write("/bin/a", "#!/usr/bin/env2 -w\r\n")
    try fixture.copy("/usr/bin/env")
    try rename(fixture.path("/usr/bin/env"), to: fixture.path("/usr/bin/env2"))
    #expect(try fixture.diagnose("a") == nil)
    // Both at once, so that one staging cures it.
    try fixture.write("/bin/a", "#!/usr/bin/env bash\n")
    diagnosis = try #require(try fixture.diagnose("a"))
    #expect(diagnosis.hint(stagingInto: .directory("d")) == "skiff stage d /usr/bin/env bash")
    try fixture.write("/bin/a", "#!/bin/a\n")
    #expect(try fixture.diagnose("a")?.reason == .tooManyScripts)
    try fixture.write("/bin/a", "#!\n")
    #expect(try fixture.diagnose("a")?.reason == .unknownFormat)
  }

  /// A hint is pasted into a shell on the host: names are quoted, and a file of the root has its path out here.
  @Test func hintsCanBePasted() throws {
    let fixture = try Fixture()
    let missing = try #require(try fixture.diagnose("./bin/bash"))
    let host = HostView.here(searchPath: ["/usr/bin"])
    #expect(missing.hint(stagingInto: .directory("a b"), from: host) == "skiff stage 'a b' /bin/bash")
    #expect(missing.hint(stagingInto: .directory("-d"), from: host) == "skiff stage ./-d /bin/bash")
    let unknown = try #require(try fixture.diagnose("no-such-program"))
    let hint = try #require(unknown.hint(stagingInto: .directory("d"), from: host))
    #expect(hint.hasPrefix("this machine has no no-such-program either"))
    try fixture.write("/plain", "#!/bin/sh\n", mode: 0o644)
    let plain = try #require(try fixture.diagnose("/plain"))
    #expect(plain.hint(stagingInto: nil, file: "/tmp/it's") == "chmod +x '/tmp/it'\\''s'")
  }

  @Test func whatIsNoProgram() throws {
    let fixture = try Fixture()
    try fixture.write("/bin/text", "hello")
    try fixture.write("/bin/empty", "")
    try fixture.write("/bin/short", "\u{7f}ELF")
    try fixture.write("/bin/plain", "#!/bin/sh\n", mode: 0o644)
    try makeDirectories(fixture.path("/bin/dir"), mode: 0o755)
    try makeNode(fixture.path("/bin/fifo"), kind: .fifo, mode: 0o755)
    #expect(try fixture.diagnose("/bin/text")?.reason == .unknownFormat)
    #expect(try fixture.diagnose("/bin/empty")?.reason == .empty)
    #expect(try fixture.diagnose("/bin/short")?.reason == .malformed(.truncated("header")))
    #expect(try fixture.diagnose("/bin/plain")?.reason == .notExecutable(0o644))
    #expect(try fixture.diagnose("/bin/dir")?.reason == .isDirectory)
    #expect(try fixture.diagnose("/bin/fifo")?.reason == .notRegular)
    #expect(try fixture.diagnose("/bin/text")?.exitCode == 126)
    // PATH finds what can be executed before what cannot.
    try fixture.write("/usr/bin/plain", "x", mode: 0o644)
    #expect(try fixture.diagnose("plain")?.path == "/usr/bin/plain")
  }

  @Test func otherMachines() throws {
    let fixture = try Fixture()
    var bytes = try readFile(Self.bash, limit: 1 << 28)
    bytes[18] = 243
    bytes[19] = 0
    try fixture.write("/bin/riscv", bytes)
    let diagnosis = try #require(try fixture.diagnose("riscv"))
    #expect(diagnosis.exitCode == 126)
    #expect(diagnosis.description.contains("/bin/riscv is a program for riscv64, and this machine is"))
  }

  /// Links of the root stay inside it: the host's own files are no help.
  @Test func linksStayInside() throws {
    let fixture = try Fixture()
    try makeDirectories(fixture.path("/bin"), mode: 0o755)
    try makeSymbolicLink(fixture.path("/bin/bash"), to: "/../../../../../../bin/bash")
    #expect(try fixture.diagnose("bash")?.reason == .programMissing)
    try makeSymbolicLink(fixture.path("/bin/loop"), to: "loop")
    #expect(try fixture.diagnose("/bin/loop")?.reason == .programMissing)
    // An interpreter that is a device, a library cache that is a FIFO: neither is opened.
    try fixture.copy(Self.bash)
    try makeDirectories(fixture.path("/etc"), mode: 0o755)
    try makeNode(fixture.path("/etc/ld.so.cache"), kind: .fifo, mode: 0o666)
    #expect(try fixture.diagnose("/bin/bash")?.others.contains("libc.so.6") == true)
  }

  @Test(.enabled(if: effectiveUser() == 0, "mounting needs root"))
  func mountsWithoutExecution() throws {
    let fixture = try Fixture()
    try makeDirectories(fixture.path("/mnt"), mode: 0o755)
    try mount(source: "tmpfs", on: fixture.path("/mnt"), type: "tmpfs", flags: [.noExecute])
    defer { try? unmount(fixture.path("/mnt")) }
    try fixture.write("/mnt/a", "#!/bin/sh\n")
    #expect(try fixture.diagnose("/mnt/a")?.reason == .mountForbids)
  }
}
