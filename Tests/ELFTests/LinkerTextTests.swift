import ELF
import Kernel
import Testing

@Suite struct DynamicStringsTests {
  static let strings = DynamicStrings(origin: "/opt/x/bin", library: "lib64", platform: "x86_64")

  @Test(arguments: [
    ("$ORIGIN/../lib", "/opt/x/bin/../lib"), ("${ORIGIN}/lib", "/opt/x/bin/lib"), ("/usr/$LIB", "/usr/lib64"),
    ("/a/${PLATFORM}/b", "/a/x86_64/b"), ("$ORIGIN$LIB", "/opt/x/binlib64"), ("plain", "plain"),
    // What only looks like a token stays as it is.
    ("$ORIGINAL", "$ORIGINAL"), ("$LIB64", "$LIB64"), ("${ORIGIN", "${ORIGIN"), ("$", "$"), ("${}", "${}"),
    ("$HOME/lib", "$HOME/lib"), ("$LIB_X", "$LIB_X"), ("$LIB-x", "lib64-x"),
  ])
  func expands(text: String, expected: String) {
    #expect(String(decoding: Self.strings.expand(Array(text.utf8)[...]), as: UTF8.self) == expected)
  }

  @Test func leavesRelativeDirectoriesOut() {
    #expect(Self.strings.directories("/a::lib:$ORIGIN:./x:/b/") == ["/a", "/opt/x/bin", "/b/"])
    #expect(Self.strings.directories(nil) == [])
  }
}

@Suite struct LinkerConfigurationTests {
  @Test func readsLdSoConf() {
    let file = """
      # comment
      include /etc/ld.so.conf.d/*.conf
      \t/usr/local/lib  # trailing
      include sub/*.conf\r
      hwcap 0 nosegneg
      /opt/old=libc6
      relative/lib

      """
    #expect(
      LinkerConfigurationLine.lines(of: Array(file.utf8)) == [
        .include("/etc/ld.so.conf.d/*.conf"), .directory("/usr/local/lib"), .include("sub/*.conf"),
        .directory("/opt/old"),
      ])
  }

  @Test(arguments: [
    ("a.conf", "*.conf", true), (".conf", "*.conf", false), ("a.conf~", "*.conf", false), ("abc", "a?c", true),
    ("abc", "a[a-c]c", true), ("abc", "a[!b]c", false), ("a]c", "a[]]c", true), ("a[c", "a[c", true), ("", "*", true),
    ("", "", true), ("a", "", false), ("aXbXc", "a*b*c", true), ("aXbX", "a*b*c", false), ("a-c", "a[x-]c", true),
  ])
  func globs(name: String, pattern: String, expected: Bool) {
    #expect(matches(Array(name.utf8)[...], pattern: Array(pattern.utf8)[...]) == expected)
  }

  /// Two thousand stars against two thousand letters: product, not power.
  @Test func aHostilePatternEnds() {
    let pattern = Array(String(repeating: "*a", count: 2000).utf8)
    #expect(!matches(Array(repeating: UInt8(ascii: "a"), count: 1999)[...], pattern: pattern[...]))
  }

  @Test func findsTheDirectoriesInALinker() {
    func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    let debian = bytes(
      "x\0/etc/ld.so.cache\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0y\0/lib9/\0")
    #expect(
      LinkerConfiguration.defaultDirectories(inLinker: debian) == [
        "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib",
      ])
    #expect(
      LinkerConfiguration.defaultDirectories(inLinker: bytes("\0/lib64/\0/usr/lib64/\0\0\0")) == [
        "/lib64", "/usr/lib64",
      ])
    #expect(LinkerConfiguration.defaultDirectories(inLinker: bytes("no\0/lib64\0nothing")) == nil)
    #expect(LinkerConfiguration.defaultDirectories(inLinker: []) == nil)
  }

  @Test func theHostsLinkerNamesWhereItsLibrariesLie() throws {
    let file = try open("/proc/self/exe", .readOnly)
    let object = try ELFObject(reading: ByteSource(file.borrowed, size: status(of: file.borrowed).size))
    let interpreter = try #require(object.interpreter)
    let directories = try #require(LinkerConfiguration.defaultDirectories(inLinker: readFile(interpreter)))
    #expect(directories.contains { exists($0.appending("libc.so.6")) })
  }

  @Test func whatLIBMeansFollowsFromTheDirectories() {
    func library(_ directories: [Path]) -> String {
      LinkerConfiguration(flavor: .glibc, architecture: .amd64, defaultDirectories: directories).library
    }
    #expect(library(["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"]) == "lib/x86_64-linux-gnu")
    #expect(library(["/lib64", "/usr/lib64"]) == "lib64")
    #expect(library(["/nix/store/x-glibc/lib"]) == "lib")
  }

  @Test func processorsHaveLevels() {
    #expect(HardwareCapabilities.names(level: 1, for: .amd64) == [])
    #expect(HardwareCapabilities.names(level: 3, for: .amd64) == ["x86-64-v3", "x86-64-v2"])
    #expect(HardwareCapabilities.names(level: 4, for: .arm64) == [])
  }

  @Test(.enabled(if: Architecture.host == .amd64, "glibc-hwcaps has names for x86-64 only"))
  func theLinkerSeesTheSameLevel() throws {
    // Its help lists each level: `x86-64-v3 (supported, searched)`.
    let help = try LibraryCacheTests.run("/lib64/ld-linux-x86-64.so.2", "--help")
    try #require(help.contains("glibc-hwcaps"))
    let supported = ["x86-64-v4", "x86-64-v3", "x86-64-v2"].filter { help.contains("\($0) (supported, searched)") }
    #expect(HardwareCapabilities.names(level: processorLevel(), for: .amd64) == supported)
  }
}

@Suite struct ScriptTests {
  static func script(_ text: String) -> Script? { Script(front: Array(text.utf8)[...]) }

  @Test func readsTheFirstLine() {
    #expect(Self.script("#!/bin/sh\necho")?.interpreter == "/bin/sh")
    #expect(Self.script("#! /bin/sh  -e  x \n")?.argument == "-e  x")
    #expect(Self.script("#!/bin/sh")?.interpreter == "/bin/sh")
    #expect(Self.script("#!\n") == nil)
    #expect(Self.script("#!   ") == nil)
    #expect(Self.script("# /bin/sh") == nil)
    #expect(Self.script("") == nil)
    #expect(Self.script("#!/" + String(repeating: "a", count: 500))?.interpreter.bytes.count == 254)
  }

  @Test func seesCarriageReturns() {
    #expect(Self.script("#!/bin/sh\r\n")?.hasCarriageReturn == true)
    #expect(Self.script("#!/usr/bin/env sh\r\n")?.hasCarriageReturn == true)
    #expect(Self.script("#!/usr/bin/perl -w\r\n")?.hasCarriageReturn == false)
    #expect(Self.script("#!/bin/sh -e\n")?.hasCarriageReturn == false)
  }

  @Test(arguments: [
    ("#!/usr/bin/env python3\n", "python3"), ("#!/usr/bin/env -S python3 -u\n", "python3"),
    ("#!/usr/bin/env -Spython3 -u\n", "python3"), ("#!/bin/env -i A=1 bash\n", "bash"),
  ])
  func looksThroughEnv(text: String, name: String) {
    #expect(Self.script(text)?.lookedUp == Path(name))
  }

  @Test func onlyEnvLooksUp() {
    #expect(Self.script("#!/bin/sh python3\n")?.lookedUp == nil)
    #expect(Self.script("#!/usr/bin/env\n")?.lookedUp == nil)
    #expect(Self.script("#!/usr/bin/env -S PATH=/opt/bin tool\n")?.lookedUp == nil)
    #expect(Self.script("#!/usr/bin/env -S -u HOME tool\n")?.lookedUp == "tool")
  }
}
