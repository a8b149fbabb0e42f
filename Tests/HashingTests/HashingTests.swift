import Foundation
import Hashing
import Testing

@Suite struct HashingTests {
  private func random(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 33)
    }
  }

  private func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

  /// What a program of coreutils says of each.
  private func sums(of inputs: [[UInt8]], by program: String) throws -> [String] {
    let folder = FileManager.default.temporaryDirectory.appending(path: "skiff-hashing-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (index, input) in inputs.enumerated() { try Data(input).write(to: folder.appending(path: "\(1000 + index)")) }
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-ec", "cd '\(folder.path)'; \(program) *"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self).split(separator: "\n").map { String($0.prefix { $0 != " " }) }
  }

  /// Every length around the block's and the padding's edges, and some larger.
  private var inputs: [[UInt8]] {
    ((0...300) + [1 << 16, (1 << 20) - 1, (1 << 20) + 1, 3_000_001]).map { random($0, seed: UInt64($0)) }
  }

  @Test func sha256IsWhatTheProgramSays() throws {
    let (inputs, theirs) = (inputs, try sums(of: inputs, by: "sha256sum"))
    #expect(theirs.count == inputs.count)
    for (input, expected) in zip(inputs, theirs) {
      for usesInstructions in [true, false] {
        var hash = SHA256(usesInstructions: usesInstructions)
        hash.update(input[...])
        #expect(hex(hash.result()) == expected, "\(input.count) bytes")
      }
    }
  }

  @Test func sha1IsWhatTheProgramSays() throws {
    let (inputs, theirs) = (inputs, try sums(of: inputs, by: "sha1sum"))
    #expect(theirs.count == inputs.count)
    for (input, expected) in zip(inputs, theirs) { #expect(SHA1.digest(of: input) == expected, "\(input.count) bytes") }
  }

  @Test(arguments: [1, 3, 63, 64, 65, 127, 128, 1000, 17_000, 40_001])
  func piecesOfAnySizeAreTheSame(_ piece: Int) {
    let input = random(100_000, seed: 3)
    var (first, second, whole) = (SHA1(), SHA256(), SHA256())
    for start in stride(from: 0, to: input.count, by: piece) {
      first.update(input[start..<min(start + piece, input.count)])
      second.update(input[start..<min(start + piece, input.count)])
    }
    whole.update(input[...])
    #expect(first.finish() == SHA1.digest(of: input) && second.result() == whole.result())
  }
}
