import Compression
import Foundation

/// All of `input` through a decompressor, in pieces of these sizes.
func decompress(
  _ input: [UInt8], as format: CompressionFormat? = nil, limits: DecompressionLimits = .standard,
  input inputPiece: Int = 4096, output outputPiece: Int = 4096
) throws -> [UInt8] {
  var decompressor = try Decompressor(format ?? CompressionFormat(detecting: input.prefix(4)), limits: limits)
  var output: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: outputPiece)
  var start = 0
  while start < input.count {
    let end = min(input.count, start + inputPiece)
    let piece = Array(input[start..<end])
    var position = 0
    while true {
      var target = buffer.mutableSpan
      var bytes = target.mutableBytes
      let progress = try decompressor.step(piece.span.bytes.extracting(position..<piece.count), into: &bytes)
      output += buffer[..<progress.produced]
      position += progress.consumed
      if position == piece.count && progress.produced < outputPiece { break }
    }
    start = end
  }
  try decompressor.finish()
  return output
}

func compress(
  _ input: [UInt8], as format: CompressionFormat, level: Int? = nil, input inputPiece: Int = 4096,
  output outputPiece: Int = 4096
) throws -> [UInt8] {
  let compressor = try Compressor(format, level: level)
  var output: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: outputPiece)
  var start = 0
  while true {
    let end = min(input.count, start + inputPiece)
    let piece = Array(input[start..<end])
    var position = 0
    while true {
      var target = buffer.mutableSpan
      var bytes = target.mutableBytes
      let progress = try compressor.step(
        piece.span.bytes.extracting(position..<piece.count), isLast: end == input.count, into: &bytes)
      output += buffer[..<progress.produced]
      position += progress.consumed
      if progress.isAtEnd { return output }
      if position == piece.count && end < input.count { break }
    }
    start = end
  }
}

/// Bytes that compress neither to nothing nor not at all, the same in every run.
func sample(_ count: Int) -> [UInt8] {
  var state: UInt64 = 42
  return (0..<count).map { index in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return index % 7 == 0 ? UInt8(truncatingIfNeeded: state >> 56) : UInt8(truncatingIfNeeded: index / 64)
  }
}

/// A program's standard output for this standard input; nil where it is not installed.
func pipe(_ input: [UInt8], through program: String) throws -> [UInt8]? {
  let file = FileManager.default.temporaryDirectory.appending(path: "skiff-pipe-\(UUID().uuidString)")
  defer { try? FileManager.default.removeItem(at: file) }
  try Data(input).write(to: file)
  let process = Process()
  process.executableURL = URL(filePath: "/bin/sh")
  process.arguments = ["-c", "command -v \(program.split(separator: " ")[0]) >/dev/null || exit 9; exec \(program)"]
  process.standardInput = try FileHandle(forReadingFrom: file)
  let output = Pipe()
  process.standardOutput = output
  try process.run()
  let data = try output.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  if process.terminationStatus == 9 { return nil }
  return process.terminationStatus == 0 ? [UInt8](data) : []
}
