import Compression
import Testing

@Suite struct RoundTripTests {
  @Test(arguments: CompressionFormat.allCases, [0, 1, 511, 200_000])
  func whatGoesInComesOut(_ format: CompressionFormat, _ size: Int) throws {
    let original = sample(size)
    let packed = try compress(original, as: format)
    for (input, output) in [(1, 4096), (4096, 1), (100_000, 300_000), (7, 13)] where size < 1000 || input + output > 100
    {
      #expect(try decompress(packed, as: format, input: input, output: output) == original)
    }
  }

  /// However it is cut, and with nothing in it that another machine would write differently.
  @Test(arguments: [CompressionFormat.gzip, .zstd])
  func theSameBytesGiveTheSameFile(_ format: CompressionFormat) throws {
    let original = sample(300_000)
    let packed = try compress(original, as: format)
    #expect(packed.count < original.count / 2)
    for (input, output) in [(1 << 20, 1 << 20), (1000, 77), (131_072, 4096)] {
      #expect(try compress(original, as: format, input: input, output: output) == packed)
    }
    #expect(packed.starts(with: format == .gzip ? [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255] : [0x28, 0xb5, 0x2f, 0xfd]))
  }

  @Test func levelsAreThoseOfTheLibrary() throws {
    let original = sample(100_000)
    #expect(try compress(original, as: .gzip, level: 9).count < compress(original, as: .gzip, level: 1).count)
    #expect(try decompress(try compress(original, as: .zstd, level: 19)) == original)
    for (format, level) in [(CompressionFormat.gzip, 10), (.gzip, -2), (.zstd, 0), (.zstd, 99)] {
      #expect(throws: CompressionError.self) { try compress(original, as: format, level: level) }
    }
  }

  /// The programs of the same names, both ways.
  @Test(arguments: ["gzip", "pigz", "zstd"])
  func agreesWithItsPeers(_ program: String) throws {
    let original = sample(500_000)
    guard let packed = try pipe(original, through: "\(program) -c") else { try Test.cancel("no \(program) here") }
    #expect(packed.count > 10)
    #expect(try decompress(packed) == original)
    let ours = try compress(original, as: program == "zstd" ? .zstd : .gzip)
    #expect(try pipe(ours, through: "\(program) -dc") == original)
  }
}

@Suite struct FormatTests {
  static let skippable: [UInt8] = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]

  @Test func isToldByTheFirstBytes() throws {
    #expect(CompressionFormat(detecting: [0x1f, 0x8b, 8, 0]) == .gzip)
    #expect(CompressionFormat(detecting: [0x28, 0xb5, 0x2f, 0xfd]) == .zstd)
    #expect(CompressionFormat(detecting: Self.skippable[...]) == .zstd)
    for head: [UInt8] in [
      [], [0x1f], [0x1f, 0x8b], [0x1f, 0x8b, 7, 0], [0x28, 0xb5, 0x2f], Array("etc/".utf8), [0, 0, 0, 0],
    ] {
      #expect(CompressionFormat(detecting: head[...]) == .none, "\(head)")
    }
  }

  @Test(arguments: [CompressionFormat.gzip, .zstd], [1, 7, 100_000])
  func membersFollowOneAnother(_ format: CompressionFormat, _ piece: Int) throws {
    let (first, second) = (sample(3000), Array(sample(5000).reversed()))
    let empty = try compress([], as: format)
    let members = try compress(first, as: format) + empty + compress(second, as: format) + empty
    #expect(try decompress(members, input: piece) == first + second)
    if format == .zstd {
      let between = try Self.skippable + compress(first, as: format) + Self.skippable + compress(second, as: format)
      #expect(try decompress(between + Self.skippable, input: piece) == first + second)
    }
  }

  @Test func zerosBehindGzipArePadding() throws {
    let original = sample(1000)
    let zeros = [UInt8](repeating: 0, count: 700)
    let packed = try compress(original, as: .gzip)
    for piece in [1, 64, 10_000] { #expect(try decompress(packed + zeros, input: piece) == original) }
    #expect(throws: CompressionError.self) { try decompress(packed + zeros + packed) }
    #expect(throws: CompressionError.self) { try decompress(try compress(original, as: .zstd) + zeros) }
  }

  @Test(arguments: [CompressionFormat.gzip, .zstd], ["x", "\u{1f}", "\u{1f}\u{7f}\u{8}", "trailing garbage"])
  func somethingElseBehindItIsRefused(_ format: CompressionFormat, _ garbage: String) throws {
    for piece in [1, 10_000] {
      #expect(throws: CompressionError.self) {
        try decompress(try compress(sample(1000), as: format) + Array(garbage.utf8), input: piece)
      }
    }
  }

  @Test(arguments: [CompressionFormat.gzip, .zstd])
  func anEarlyEndIsAnError(_ format: CompressionFormat) throws {
    let packed = try compress(sample(2000), as: format)
    for count in 0..<packed.count {
      #expect(throws: CompressionError.self, "\(count)") { try decompress(Array(packed[..<count]), as: format) }
    }
    #expect(try decompress(packed) == sample(2000))
  }
}

@Suite struct LimitTests {
  @Test(arguments: CompressionFormat.allCases)
  func theOutputIsLimited(_ format: CompressionFormat) throws {
    var limits = DecompressionLimits()
    limits.outputSize = 10_000
    #expect(try decompress(try compress(sample(10_000), as: format), as: format, limits: limits).count == 10_000)
    let packed = try compress(sample(10_001), as: format)
    let error = #expect(throws: CompressionError.self) { try decompress(packed, as: format, limits: limits) }
    #expect(error?.reason == "it becomes more than 10000 bytes")
  }

  @Test(arguments: [CompressionFormat.gzip, .zstd])
  func aBombIsToldByItsRatio(_ format: CompressionFormat) throws {
    var limits = DecompressionLimits()
    limits.ratioGrace = 100_000
    let zeros = [UInt8](repeating: 0, count: 1_000_000)
    #expect(try decompress(try compress(zeros, as: format)).count == zeros.count)
    let error = #expect(throws: CompressionError.self) {
      try decompress(try compress(zeros, as: format), limits: limits)
    }
    #expect(error?.reason.hasPrefix("it is a bomb") == true)
    // What is merely well compressed is not one.
    #expect(try decompress(try compress(sample(1_000_000), as: format), limits: limits).count == 1_000_000)
  }

  /// A frame header with a window descriptor (RFC 8878, 3.1.1.1.2) and one empty last block.
  @Test(arguments: [(27, true), (28, false), (31, false)])
  func aFrameMayNotAskForAnyMemory(_ windowLog: UInt8, _ isFine: Bool) throws {
    let frame: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, 1, 0, 0]
    if isFine {
      #expect(try decompress(frame) == [])
    } else {
      #expect(throws: CompressionError.self) { try decompress(frame) }
    }
  }
}

/// Damage of every small kind: it is refused, or what comes out is what went in. Nothing is read or written outside.
@Suite struct MutationTests {
  @Test(arguments: [CompressionFormat.gzip, .zstd])
  func damageIsNeverTakenForContents(_ format: CompressionFormat) throws {
    let original = sample(1500)
    let packed = try compress(original, as: format) + compress(original, as: format)
    var limits = DecompressionLimits()
    limits.outputSize = 1 << 20
    var state: UInt64 = 7
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var refused = 0
    for _ in 0..<4000 {
      var damaged = packed
      switch random(4) {
      case 0: damaged[random(damaged.count)] ^= UInt8(1 << random(8))
      case 1: damaged[random(damaged.count)] = UInt8(random(256))
      case 2: damaged.removeSubrange(random(40)..<(40 + random(40)))
      default:
        damaged.insert(contentsOf: (0..<(1 + random(8))).map { _ in UInt8(random(256)) }, at: random(damaged.count))
      }
      do {
        let output = try decompress(
          damaged, as: format, limits: limits, input: 1 + random(500), output: 1 + random(900))
        #expect(output == original + original)
      } catch is CompressionError { refused += 1 }
    }
    #expect(refused > 3000)
  }
}
