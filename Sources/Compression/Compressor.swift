internal import CZlib
internal import CZstd

/// Compresses a file. The same bytes give the same file wherever the same version of the library does it, however they are
/// cut into pieces: no time, no name and no operating system stand in it, and nothing depends on the number of processors.
package struct Compressor: ~Copyable {
  private enum Engine {
    case copy
    case gzip(Deflate)
    case zstd(ZstdEncoder)
  }
  private let engine: Engine

  /// - Parameter level: the library's own default when it is nil: 6 of 9 for gzip, 3 of 22 for zstd.
  package init(_ format: CompressionFormat, level: Int? = nil) throws(CompressionError) {
    engine =
      switch format {
      case .none: .copy
      case .gzip: .gzip(try Deflate(level: level))
      case .zstd: .zstd(try ZstdEncoder(level: level))
      }
  }

  /// One step. Called again with the rest of the input until all is consumed and, for the last piece, `isAtEnd`.
  package func step(
    _ input: RawSpan, isLast: Bool, into output: inout MutableRawSpan
  ) throws(CompressionError) -> CodecProgress {
    try unsafe input.withUnsafeBytes { (source) throws(CompressionError) in
      try unsafe output.withUnsafeMutableBytes { (target) throws(CompressionError) in
        switch engine {
        case .copy:
          let count = min(source.count, target.count)
          unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
          return CodecProgress(consumed: count, produced: count, isAtEnd: isLast && count == source.count)
        case .gzip(let deflate): return try unsafe deflate.step(source, target, isLast)
        case .zstd(let encoder): return try unsafe encoder.step(source, target, isLast)
        }
      }
    }
  }
}

@safe private final class Deflate {
  private let stream: UnsafeMutablePointer<z_stream>
  private let header: UnsafeMutablePointer<gz_header>

  init(level: Int?) throws(CompressionError) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    unsafe header = .allocate(capacity: 1)
    unsafe header.initialize(to: gz_header())
    // Left alone, zlib writes the system that it was compiled for; 255 is "unknown" (RFC 1952, 2.3.1).
    unsafe header.pointee.os = 255
    let code = unsafe deflateInit2_(
      stream, level.map(Int32.init(clamping:)) ?? Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY,
      ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK, unsafe deflateSetHeader(stream, header) == Z_OK else {
      throw CompressionError(
        code == Z_STREAM_ERROR ? "gzip has no level \(level ?? 0)" : "zlib could not start: there is no memory")
    }
  }

  deinit {
    unsafe deflateEnd(stream)
    unsafe stream.deallocate()
    unsafe header.deallocate()
  }

  func step(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer, _ isLast: Bool
  ) throws(CompressionError) -> CodecProgress {
    let (available, room) = (UInt32(clamping: source.count), UInt32(clamping: target.count))
    unsafe stream.pointee.next_in = UnsafeMutablePointer(
      mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
    unsafe stream.pointee.avail_in = available
    unsafe stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = room
    let code = unsafe deflate(stream, isLast && available == source.count ? Z_FINISH : Z_NO_FLUSH)
    guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
      throw CompressionError("zlib error \(code)")
    }
    return unsafe CodecProgress(
      consumed: Int(available - stream.pointee.avail_in), produced: Int(room - stream.pointee.avail_out),
      isAtEnd: code == Z_STREAM_END)
  }
}

@safe private final class ZstdEncoder {
  private let context: OpaquePointer
  /// The end was asked for once; anything else would begin another frame.
  private var isEnding = false

  init(level: Int?) throws(CompressionError) {
    // The library would quietly take the nearest.
    if let level, level < 1 || level > Int(ZSTD_maxCLevel()) { throw CompressionError("zstd has no level \(level)") }
    guard let context = unsafe ZSTD_createCCtx() else {
      throw CompressionError("zstd could not start: there is no memory")
    }
    unsafe self.context = context
    if let level { unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(level)) }
    unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
  }

  deinit { unsafe ZSTD_freeCCtx(context) }

  func step(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer, _ isLast: Bool
  ) throws(CompressionError) -> CodecProgress {
    var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
    var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
    // Never the end in the first call: libzstd would take its input for the whole, and write its size and choose by it.
    var left = 1
    if !isEnding { unsafe left = ZSTD_compressStream2(context, &to, &from, ZSTD_e_continue) }
    if ZSTD_isError(left) == 0, isLast, unsafe from.pos == from.size {
      isEnding = true
      unsafe left = ZSTD_compressStream2(context, &to, &from, ZSTD_e_end)
    } else if ZSTD_isError(left) == 0 {
      left = 1
    }
    if ZSTD_isError(left) != 0 {
      let words = unsafe ZSTD_getErrorName(left).map { unsafe String(cString: $0) } ?? "error \(left)"
      throw CompressionError("zstd: \(words.lowercased())")
    }
    return unsafe CodecProgress(consumed: from.pos, produced: to.pos, isAtEnd: isLast && left == 0)
  }
}
