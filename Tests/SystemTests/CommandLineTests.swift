import Foundation
import Testing

private let skiff: String =
  ProcessInfo.processInfo.environment["SKIFF_RELEASE"]
  ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "skiff").path

/// A line of shell with `$skiff`; the state directories are such that nothing can be made in them.
private func shell(_ line: String) throws -> (code: Int32, output: String, errors: String) {
  let process = Process()
  process.executableURL = URL(filePath: "/bin/bash")
  process.arguments = ["-c", line]
  process.environment = [
    "PATH": "/usr/bin:/bin", "skiff": skiff, "SKIFF_ROOT": "/proc/none", "SKIFF_STATE": "/proc/none",
  ]
  let (output, errors) = (Pipe(), Pipe())
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = output
  process.standardError = errors
  try process.run()
  let said = output.fileHandleForReading.readDataToEndOfFile()
  let complained = errors.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return (process.terminationStatus, String(decoding: said, as: UTF8.self), String(decoding: complained, as: UTF8.self))
}

@Suite struct CommandLineTests {
  @Test func helpNeedsNothing() throws {
    for line in ["$skiff", "$skiff --help", "$skiff help"] {
      let result = try shell(line)
      #expect(result.code == 0 && result.output.hasPrefix("Usage:  skiff [OPTIONS] COMMAND") && result.errors.isEmpty)
    }
    let run = try shell("$skiff run --help")
    #expect(run.code == 0 && run.output.hasPrefix("Usage:  skiff run [OPTIONS] IMAGE"))
    #expect(try shell("$skiff help run").output == run.output)
    #expect(try shell("$skiff --version").output.hasPrefix("skiff version "))
  }

  @Test(arguments: [
    ("rnu", "skiff: unknown command \"rnu\"\nhint: did you mean 'run'? see 'skiff --help'\n"),
    ("run --nmae x", "skiff: run: unknown flag: --nmae\nhint: did you mean --name? see 'skiff run --help'\n"),
    ("run -m", "skiff: run: flag needs an argument: -m\nhint: see 'skiff run --help'\n"),
    ("--rot /x ps", "skiff: unknown flag: --rot\nhint: did you mean --root? see 'skiff --help'\n"),
    (
      "ps extra",
      "skiff: ps: accepts no arguments, got \"extra\"\nhint: usage: skiff ps [OPTIONS]; see 'skiff ps --help'\n"
    ),
  ])
  func badWordsNameTheCommandAndTheWayOut(words: String, text: String) throws {
    let result = try shell("$skiff " + words)
    #expect(result.code == 125 && result.output.isEmpty)
    #expect(result.errors == text)
  }

  @Test func aStateDirectoryThatCannotBeMadeIsNamed() throws {
    let result = try shell("$skiff ps")
    #expect(result.code != 0 && result.errors.contains("\nhint: "))
    // Without root it is not even tried.
    if getuid() == 0 { #expect(result.errors.contains("/proc/none")) }
  }

  @Test func aReaderThatHasEnoughEndsItQuietly() throws {
    let result = try shell("$skiff completion bash | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}")
    // All of it may have gone into the pipe before the reader left.
    #expect([0, 141].contains(result.code) && result.errors.isEmpty)
    let closed = try shell("$skiff completion bash >&-")
    #expect(closed.code != 0 && closed.errors.contains("standard output"))
  }

  @Test func aFullDiskBelowTheOutputIsTold() throws {
    let result = try shell("$skiff --help >/dev/full")
    #expect(result.code != 0 && result.errors.contains("no space left on device"))
  }

  @Test func noColourGoesIntoAFile() throws {
    #expect(try !shell("$skiff rnu").errors.contains("\u{1b}"))
  }
}
