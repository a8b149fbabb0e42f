import Compression
import Foundation
import ISAL
import Testing

/// What a decoder makes of a file, handed in and out in pieces; nil where it refuses it.
private func inflate(
  _ bytes: [UInt8], by factory: GzipDecoderFactory, piece: Int = 1 << 16, room: Int = 1 << 16
) -> [UInt8]? {
  do {
    var decompressor = try Decompressor(.gzip, gzip: factory)
    var result: [UInt8] = []
    var output = [UInt8](repeating: 0, count: room)
    var start = 0
    while true {
      let end = min(bytes.count, start + piece)
      let part = Array(bytes[start..<end])
      var span = output.mutableSpan
      var target = span.mutableBytes
      let progress = try decompressor.step(part.span.bytes, into: &target)
      start += progress.consumed
      result += output[..<progress.produced]
      if start == bytes.count, progress.produced < room { break }
    }
    try decompressor.finish()
    return result
  } catch { return nil }
}

private struct Dice: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state >> 33) ^ (state << 31)
  }
}

private func gzip(_ bytes: [UInt8], level: Int? = nil) throws -> [UInt8] {
  var compressor = try Compressor(.gzip, level: level)
  var (result, start) = ([UInt8](), 0)
  var output = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let rest = Array(bytes[start...])
    var span = output.mutableSpan
    var target = span.mutableBytes
    let progress = try compressor.step(rest.span.bytes, isLast: true, into: &target)
    start += progress.consumed
    result += output[..<progress.produced]
    if progress.isAtEnd { return result }
  }
}

/// A member with everything in its header that RFC 1952 knows (FTEXT, FHCRC, FEXTRA, FNAME, FCOMMENT).
private func withFullHeader(_ member: [UInt8], breaksCheckSum: Bool = false) -> [UInt8] {
  var header: [UInt8] = [0x1f, 0x8b, 8, 0x1f, 1, 2, 3, 4, 0, 3]
  header += [6, 0] + Array("AB".utf8) + [2, 0, 7, 8]
  header += Array("a name".utf8) + [0] + Array("and a comment".utf8) + [0]
  var crc: UInt32 = ~0
  for byte in header {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xedb8_8320 : crc >> 1 }
  }
  crc = ~crc ^ (breaksCheckSum ? 1 : 0)
  return header + [UInt8(crc & 0xff), UInt8(crc >> 8 & 0xff)] + member.dropFirst(10)
}

@Suite(.enabled(if: GzipDecoderFactory.hasISAL, "libisal2 is not installed")) struct ISALDecoderTests {
  private static let samples: [[UInt8]] = {
    var dice = Dice(state: 7)
    let noise = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &dice) }
    let text = Array((0..<30_000).map { "line \($0 % 997) of \($0)\n" }.joined().utf8)
    return [[], [65], Array("hello".utf8), text, noise, [UInt8](repeating: 0, count: 300_000), noise + text + noise]
  }()

  @Test(arguments: [1, 7, 4096, 1 << 20], [1, 3, 1000, 1 << 18])
  func everyPieceGivesTheSameBytes(piece: Int, room: Int) throws {
    for (number, sample) in Self.samples.enumerated() {
      // One byte at a time is slow enough with the small ones.
      if room < 1000 && sample.count > 10_000 || piece == 1 && sample.count > 200_000 { continue }
      for level in [1, 6, 9] {
        let packed = try gzip(sample, level: level)
        let theirs = inflate(packed, by: .zlib, piece: piece, room: room) == sample
        let ours = inflate(packed, by: .fastest, piece: piece, room: room) == sample
        #expect(theirs && ours, "sample \(number), level \(level)")
      }
    }
  }

  @Test(arguments: [1, 5, 100_000]) func membersAndWhatStandsBehindThem(piece: Int) throws {
    let (one, two) = (try gzip(Array("one".utf8)), try gzip(Self.samples[3]))
    let both = Array("one".utf8) + Self.samples[3]
    let cases: [([UInt8], [UInt8]?)] = [
      (one + two, both), (two + one + one, Self.samples[3] + Array("oneone".utf8)),
      (one + two + [0, 0, 0, 0], both), (one + two + [0, 0, 1], nil), (one + two + [0x41], nil),
      (one + [0] + two, nil), (one + [0x1f], nil), (one + two.dropLast(), nil), (one + two.dropLast(9), nil),
      (withFullHeader(one) + two, both), (withFullHeader(two), Self.samples[3]),
      (withFullHeader(one, breaksCheckSum: true), nil),
    ]
    for (number, (bytes, expected)) in cases.enumerated() {
      // Told by number: the bytes would fill the screen.
      let (theirs, ours) = (inflate(bytes, by: .zlib, piece: piece), inflate(bytes, by: .fastest, piece: piece))
      let areRight = (theirs == expected, ours == expected)
      #expect(areRight == (true, true), "case \(number), zlib and ISA-L")
    }
  }

  @Test func whatIsCutIsRefused() throws {
    let packed = withFullHeader(try gzip(Array("hello, hello, hello".utf8)))
    for count in 0..<packed.count {
      #expect(inflate(Array(packed[..<count]), by: .fastest) == nil, "\(count) bytes")
    }
    #expect(inflate(packed, by: .fastest) == Array("hello, hello, hello".utf8))
  }

  /// Damage anywhere: both libraries refuse, or both take it, and then for the same bytes. zlib alone refuses a code that lacks
  /// words which nothing uses; the bytes are the undamaged ones then, for the check sum is right.
  @Test func damageIsNoticed() throws {
    var dice = Dice(state: 11)
    let packed = [
      withFullHeader(try gzip(Array(Self.samples[3].prefix(3000)))), try gzip(Array(Self.samples[4].prefix(2000))),
      try gzip(Array("abcabcabcabcabcabc".utf8), level: 1) + (try gzip(Self.samples[5])),
    ]
    let whole = packed.map { inflate($0, by: .zlib) }
    var refused = 0
    for round in 0..<6000 {
      var bytes = packed[round % packed.count]
      for _ in 0..<Int.random(in: 1...3, using: &dice) {
        bytes[Int.random(in: 0..<bytes.count, using: &dice)] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
      }
      let (theirs, ours) = (inflate(bytes, by: .zlib), inflate(bytes, by: .fastest))
      let isSame = theirs == ours || theirs == nil && ours == whole[round % packed.count]
      #expect(isSame, "round \(round): \(bytes.prefix(64)), \(theirs?.count ?? -1) and \(ours?.count ?? -1) bytes")
      if ours == nil { refused += 1 }
    }
    #expect(refused > 5000)
  }
}
