/// How much compressed bytes from outside may become.
package struct DecompressionLimits: Hashable, Sendable {
  /// Bytes altogether; the default is what no sane layer has.
  package var outputSize = 1 << 40
  /// Output for each byte of input, looked at once there is more than `ratioGrace` of output: 10 GB of zeros are 10 MB of
  /// gzip. Real layers stay below 20; deflate cannot do better than 1032.
  package var ratio = 200
  package var ratioGrace = 1 << 30
  /// The binary logarithm of the memory that a zstd frame may ask for. 128 MB are what `zstd -d` grants and `--ultra -22` wants.
  package var zstdWindowLog = 27
  package init() {}
  package static let standard = DecompressionLimits()
}

/// Turns a compressed file into what it holds.
///
/// - gzip: as many members as there are (RFC 1952, 2.2). Zeros behind the last are padding, as GNU gzip has it; anything
///   else there is refused, as Go's reader (docker, containerd) does, for a second reader might see something in it.
/// - zstd: as many frames as there are, skippable ones included; anything else behind them is refused.
/// - A file that ends early, an empty one too, is an error that `finish` throws.
package struct Decompressor: ~Copyable {
  private enum Engine {
    case copy
    case gzip(any GzipDecoder)
    case zstd(ZstdDecoder)
  }
  private enum Position { case start, inside, between, padding }

  package let format: CompressionFormat
  private let engine: Engine
  private let limits: DecompressionLimits
  private var position = Position.start
  /// Of the whole file so far.
  package private(set) var consumed = 0
  package private(set) var produced = 0

  /// - Parameter gzip: makes the decoder, where a faster one than zlib's is at hand.
  package init(
    _ format: CompressionFormat, limits: DecompressionLimits = .standard,
    gzip: GzipDecoderFactory = GzipDecoderFactory.zlib
  ) throws(CompressionError) {
    self.format = format
    self.limits = limits
    engine =
      switch format {
      case .none: .copy
      case .gzip: .gzip(try gzip.make())
      case .zstd: .zstd(try ZstdDecoder(windowLog: limits.zstdWindowLog))
      }
  }

  /// One step. When it leaves room in the output and consumed all of the input, nothing is left to come out of it.
  package mutating func step(
    _ input: RawSpan, into output: inout MutableRawSpan
  ) throws(CompressionError) -> CodecProgress {
    var progress: CodecProgress
    switch engine {
    case .copy:
      let count = min(input.byteCount, output.byteCount)
      unsafe output.withUnsafeMutableBytes { target in
        unsafe input.withUnsafeBytes { source in
          unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
        }
      }
      progress = CodecProgress(consumed: count, produced: count, isAtEnd: false)
    case .gzip(let decoder):
      let skipped = try Self.approachMember(input, decoder, &position)
      guard position == .start || position == .inside else {
        progress = CodecProgress(consumed: skipped, produced: 0, isAtEnd: false)
        break
      }
      let rest = unsafe input.extracting(unchecked: skipped..<input.byteCount)
      progress = try decoder.decode(rest, into: &output)
      if progress.consumed > 0 || progress.produced > 0 { position = .inside }
      if progress.isAtEnd { position = .between }
      progress.consumed += skipped
    case .zstd(let decoder):
      // An empty input between two frames would make libzstd ask for one more.
      if input.byteCount == 0 && position != .inside {
        progress = CodecProgress(consumed: 0, produced: 0, isAtEnd: false)
        break
      }
      progress = try decoder.decode(input, into: &output)
      position = progress.isAtEnd ? .between : .inside
    }
    try count(progress)
    progress.isAtEnd = false
    return progress
  }

  /// What stands between two members; the number of bytes that are passed over.
  private static func approachMember(
    _ input: RawSpan, _ decoder: any GzipDecoder, _ position: inout Position
  ) throws(CompressionError) -> Int {
    guard position == .between || position == .padding, input.byteCount > 0 else { return 0 }
    let first = unsafe input.unsafeLoad(as: UInt8.self)
    if position == .between && first == 0x1f {
      decoder.reset()
      position = .inside
      return 0
    }
    position = .padding
    for index in 0..<input.byteCount {
      if unsafe input.unsafeLoad(fromByteOffset: index, as: UInt8.self) != 0 {
        throw CompressionError("there is something else behind the gzip data")
      }
    }
    return input.byteCount
  }

  private mutating func count(_ progress: CodecProgress) throws(CompressionError) {
    consumed += progress.consumed
    produced += progress.produced
    if produced > limits.outputSize {
      throw CompressionError("it becomes more than \(limits.outputSize) bytes")
    }
    if format != .none, produced > limits.ratioGrace, produced / limits.ratio > consumed {
      throw CompressionError(
        "it is a bomb: \(consumed) bytes became more than \(produced), and \(limits.ratio) times as many are believed")
    }
  }

  /// The input is at its end.
  package consuming func finish() throws(CompressionError) {
    guard format == .none || position == .between || position == .padding else {
      throw CompressionError(consumed == 0 ? "there is nothing in it" : "it ends too early")
    }
  }
}
