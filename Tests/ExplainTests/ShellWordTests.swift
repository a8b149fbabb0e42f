import Explain
import Foundation
import Kernel
import Testing

/// What a shell makes of a quoted word, asked of the shells themselves.
@Suite struct ShellWordTests {
  /// dash and bash where they are, and busybox's.
  static let shells: [[String]] = [["/bin/sh"], ["/bin/bash"], ["/bin/busybox", "sh"]].filter {
    FileManager.default.isExecutableFile(atPath: $0[0])
  }

  static let hostile: [[UInt8]] =
    [
      "plain/path-1.so", "", " ", "two words", "it's", "'", "''", "$HOME", "`id`", "$(id)", "a;b|c&d>e<f", "*?[a]", "~",
      "~root",
      "#no", "!!", "\\", "\"", "\\n", "-rf", "a\nb", "\n", "\n\n", "end\n", "=", "a=b", "{a,b}", "über/日本", "%s%n",
      "\t",
      "\u{1b}[2J", "\u{7f}", "\u{9b}31m", "\u{202e}evil", "a\u{1b}b\nc", "\u{301}combining",
    ].map { Array($0.utf8) } + [
      [0xff], [0x61, 0xff, 0x0a], [0xc3], [0xe2, 0x82], [0xff, 0x0a, 0x0a], [0xf0, 0x9f, 0x9b, 0xb6],
    ]

  @Test(arguments: shells)
  func meansTheSameBytes(shell: [String]) throws {
    for bytes in Self.hostile {
      let output = try run(shell + ["-c", "printf %s \(ShellWord(bytes: bytes))x"]).output
      #expect(output == bytes + [UInt8(ascii: "x")], "\(bytes) as \(ShellWord(bytes: bytes))")
    }
  }

  @Test func showsNothingThatATerminalActsOn() {
    for bytes in Self.hostile {
      for scalar in ShellWord(bytes: bytes).description.unicodeScalars where scalar != "\n" {
        #expect(scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value) && scalar.value != 0x202e)
      }
    }
  }

  @Test func leavesPlainWordsPlain() {
    #expect(ShellWord("/var/lib/skiff").description == "/var/lib/skiff")
    #expect(ShellWord("a b").description == "'a b'")
    #expect(ShellWord("it's").description == "'it'\\''s'")
    #expect(ShellWord(bytes: [0x61, 0x1b]).description == "'a'\"$(printf '\\033')\"")
  }

  @Test func staysBelowTheRoot() {
    #expect(ShellWord.inRoot("/etc/hosts") == "\"$root\"/etc/hosts")
    #expect(ShellWord.inRoot("/") == "\"$root\"")
    #expect(ShellWord.inRoot("/../../etc") == "\"$root\"/etc")
    #expect(ShellWord.inRoot("/a b/$c") == "\"$root\"/'a b'/'$c'")
  }
}

/// Runs a program to its end.
func run(_ words: [String], input: String? = nil) throws -> (status: Int32, output: [UInt8], errors: String) {
  let process = Process()
  process.executableURL = URL(filePath: words[0])
  process.arguments = Array(words.dropFirst())
  let (output, errors) = (Pipe(), Pipe())
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = output
  process.standardError = errors
  try process.run()
  let bytes = output.fileHandleForReading.readDataToEndOfFile()
  let complaints = errors.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return (process.terminationStatus, Array(bytes), String(decoding: complaints, as: UTF8.self))
}
