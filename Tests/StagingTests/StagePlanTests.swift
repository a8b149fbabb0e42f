import ELF
import Foundation
import Kernel
import Staging
import Testing

@Suite struct StagePlanTests {
  @Test func aNameThatIsNotThereHasNeighbours() throws {
    let scratch = try Scratch()
    var error = try #require(failure { _ = try StagePlan(StageRequest("bahs", into: scratch["root"])) })
    #expect(error.kind == .notFound && error.description == "no such program: bahs")
    #expect(error.hint?.contains("bash") == true)
    error = try #require(failure { _ = try StagePlan(StageRequest("/bin/lss", into: scratch["root"])) })
    #expect(error.hint?.contains("/bin/ls") == true)
    error = try #require(failure { _ = try StagePlan(StageRequest("qqqqqqqqqqqqqqqq", into: scratch["root"])) })
    #expect(error.hint?.contains("neither in PATH") == true)
    #expect(try scratch.listing() == [])
  }

  @Test func refusesWhatIsNoProgram() throws {
    let scratch = try Scratch()
    func complaint(_ contents: [UInt8], _ program: Path = "prog") throws -> String? {
      try scratch.write("prog", contents)
      return failure { _ = try StagePlan(StageRequest(scratch[program].string, into: scratch["root"])) }?.description
    }
    #expect(try complaint(Array("hello".utf8))?.contains("is not an ELF file") == true)
    #expect(try complaint([])?.contains("is not an ELF file") == true)
    #expect(
      try complaint(Array(readFile("/bin/ls", limit: 1 << 24).prefix(100)))?.contains("truncated ELF file") == true)
    var foreign = try readFile("/bin/ls", limit: 1 << 24)
    foreign[18] = 243
    #expect(try complaint(foreign)?.contains("is a program for riscv64, and this machine is") == true)
    foreign = try readFile("/bin/ls", limit: 1 << 24)
    foreign[16] = 1
    #expect(try complaint(foreign)?.contains("is an object file") == true)
    #expect(try complaint(Array("#!/bin/sh\r\n".utf8))?.contains("carriage return") == true)
    #expect(try complaint(Array("#!/no/such\n".utf8))?.contains("/no/such, which runs the script") == true)
    #expect(try complaint(Array("#!/usr/bin/env no-such-thing\n".utf8))?.contains("no-such-thing") == true)
    let directory = failure { _ = try StagePlan(StageRequest("/etc", into: scratch["root"])) }
    #expect(directory?.description == "/etc is a directory")
    // A script that is run by itself.
    #expect(try complaint(Array("#!\(scratch["prog"])\n".utf8))?.contains("more than the kernel follows") == true)
  }

  @Test func refusesStrangeDirectories() throws {
    let scratch = try Scratch()
    try scratch.write("file", "")
    #expect(
      failure { _ = try StagePlan(StageRequest("ls", into: "/")) }?.description.contains("the root of this machine")
        == true)
    #expect(
      failure { _ = try StagePlan(StageRequest("ls", into: scratch["file"])) }?.description.contains("is no directory")
        == true)
    #expect(failure { _ = try StagePlan(StageRequest("ls", into: scratch["file/below"])) } != nil)
  }

  @Test func scriptsBringTheirInterpreters() throws {
    let scratch = try Scratch()
    try scratch.write("tool", "#!/usr/bin/env -S bash -e\necho \"$0\"\n")
    let plan = try StagePlan(StageRequest(scratch["tool"].string, into: scratch["root"]))
    #expect(plan.file(scratch["tool"])?.why.first?.kind == .asked)
    #expect(plan.file(named: "env")?.why == [StageReason(.interpreter, by: scratch["tool"])])
    #expect(
      plan.file(named: "bash")?.why.contains(StageReason(.interpreter, by: scratch["tool"], name: "bash")) == true)
    #expect(plan.file(named: "libc.so.6") != nil)
  }

  /// A static program needs nothing but itself: no linker, no modules of a C library it does not load.
  @Test func aStaticProgramComesAlone() throws {
    let scratch = try Scratch()
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8) + [2, 0]
    let machine = Architecture.host.machine
    bytes += [UInt8(truncatingIfNeeded: machine), UInt8(truncatingIfNeeded: machine >> 8)]
    bytes += [UInt8](repeating: 0, count: 64 - bytes.count)
    try scratch.write("static", bytes)
    let plan = try StagePlan(
      StageRequest(scratch["static"].string, into: scratch["root"], extras: [.nameServices, .locale, .converters]))
    #expect(plan.files.map(\.path) == [scratch["static"]])
  }

  @Test func librariesByName() throws {
    let scratch = try Scratch()
    let plan = try StagePlan(StageRequest("libc.so.6", into: scratch["root"]))
    #expect(plan.file(named: "libc.so.6")?.why.first == StageReason(.asked, by: "libc.so.6"))
  }

  @Test func directoriesAndDataComeAlongByPath() throws {
    let scratch = try Scratch()
    try scratch.write("data/deep/er/file", "x", mode: 0o640)
    try makeSymbolicLink(scratch["data/link"], to: "deep/er/file")
    try makeSymbolicLink(scratch["data/dangling"], to: "nowhere")
    var request = StageRequest(into: scratch["root"])
    try makeNode(scratch["data/pipe"], kind: .fifo, mode: 0o600)
    request.paths = [scratch["data"], scratch["data/pipe"]]
    let plan = try StagePlan(request)
    #expect(plan.notes.contains("\(scratch["data/pipe"]) was left out: it is a FIFO"), "\(plan.notes)")
    try plan.perform()
    let copy = scratch["root"].appending(scratch["data"])
    #expect(try readFile(copy.appending("link")) == Array("x".utf8))
    #expect(try status(of: copy.appending("deep/er/file")).mode == 0o640)
    #expect(!exists(copy.appending("dangling"), followLinks: false))
  }

  @Test func extrasComeAlongOneByOne() throws {
    let scratch = try Scratch()
    func paths(_ extras: StageExtras) throws -> Set<Path> {
      var request = StageRequest("bash", into: scratch["root"], extras: extras)
      request.terminal = "xterm"
      request.locale = "C.UTF-8"
      return Set(try StagePlan(request).files.map(\.path))
    }
    let bare = try paths([])
    let all = try paths(.all)
    #expect(
      bare.allSatisfy {
        ["bin", "lib", "lib64"].contains($0.components.first?.string) || $0.string.contains("/lib") || $0.name == "bash"
      })
    let extras: [(StageExtras, String)] = [
      (.accounts, "/etc/passwd"), (.accounts, "/etc/group"), (.accounts, "/etc/hosts"), (.accounts, "/etc/resolv.conf"),
      (.accounts, "/etc/nsswitch.conf"), (.nameServices, "/etc/services"),
      (.certificates, "/etc/ssl/certs/ca-certificates.crt"), (.timeZone, "/etc/localtime"),
    ]
    for (extra, path) in extras where exists(Path(path)) {
      #expect(all.contains(Path(path)), "\(path)")
      #expect(!(try paths(.all.subtracting(extra))).contains(Path(path)), "\(path)")
      #expect(!bare.contains(Path(path)))
    }
    let parts: [(StageExtras, String)] = [(.terminal, "/terminfo/"), (.locale, "/locale/")]
    for (extra, part) in parts where exists("/usr/lib/locale/C.utf8") {
      #expect(all.contains { $0.string.contains(part) }, "\(part)")
      #expect(!(try paths(.all.subtracting(extra))).contains { $0.string.contains(part) }, "\(part)")
    }
  }

  /// With `sudo -E` the variables are whoever's: none of them brings a file of the host's that is not what it names.
  @Test(arguments: [
    "/etc/secret", ":/etc/secret", "../../../etc/secret", "Own/../../../../etc/secret", "Own/Zone", "/etc/zone",
  ])
  func variablesNameNoFilesOfTheirOwn(zone: String) throws {
    let host = try LayoutTests.host(bin: "/bin", lib: LayoutTests.multiarch)
    try host.write("/etc/secret", "root:$6$")
    for zone in ["/etc/zone", "/usr/share/zoneinfo/Own/Zone"] as [Path] { try host.write(zone, "TZif2") }
    let scratch = try Scratch()
    var request = StageRequest("bash", into: scratch["root"], extras: .all)
    request.host = host.path
    request.timeZone = zone
    request.terminal = "../../../etc/secret"
    request.locale = "../../../etc/secret"
    let plan = try StagePlan(request)
    #expect(plan.file(named: "secret") == nil)
    #expect((plan.file(named: "Zone") != nil) == (zone == "Own/Zone"))
    #expect((plan.file(named: "zone") != nil) == (zone == "/etc/zone"))
  }

  /// nsswitch.conf names the modules; those that the host lacks are as silent here as in the C library.
  @Test func nameServicesBringTheirModules() throws {
    let module = Path("/lib/\(Architecture.host.triplet ?? "")/libnss_compat.so.2")
    guard exists(module) else { try Test.cancel("no \(module) here") }
    let host = try LayoutTests.host(bin: "/bin", lib: LayoutTests.multiarch)
    try host.write("/etc/nsswitch.conf", "passwd: compat [NOTFOUND=return] nosuch ../../evil\nhosts:\tfiles # dns\n")
    try host.write(module, readFile(module, limit: 1 << 24))
    let scratch = try Scratch()
    var request = StageRequest("bash", into: scratch["root"], extras: [.nameServices])
    request.host = host.path
    let plan = try StagePlan(request)
    #expect(
      plan.file(named: "libnss_compat.so.2")?.why.first
        == StageReason(.extra, by: "nsswitch.conf", name: "passwd: compat"))
    #expect(plan.notes == [])
  }

  @Test func convertersOfTheLocale() throws {
    let directory = Path("/usr/lib/\(Architecture.host.triplet ?? "")/gconv")
    guard exists(directory.appending("ISO8859-15.so")) else { try Test.cancel("no converters in \(directory)") }
    let scratch = try Scratch()
    func names(_ locale: String) throws -> [String] {
      var request = StageRequest("bash", into: scratch["root"], extras: [.converters])
      request.locale = locale
      return try StagePlan(request).files.map(\.path.name).filter { $0.hasPrefix("ISO") || $0.hasPrefix("gconv") }
    }
    #expect(try names("de_DE.ISO-8859-15@euro").contains("ISO8859-15.so"))
    #expect(try names("de_DE.latin1").contains("ISO8859-1.so"))
    #expect(try names("de_DE.UTF-8") == [])
    #expect(try names("C") == [])
  }
}
