internal import CZstd

/// ZSTD_decompressStream(), which goes from frame to frame by itself and passes over skippable ones.
@safe final class ZstdDecoder {
  private let context: OpaquePointer

  /// - Parameter windowLog: a frame that wants more memory is refused.
  init(windowLog: Int) throws(CompressionError) {
    guard let context = unsafe ZSTD_createDCtx() else {
      throw CompressionError("zstd could not start: there is no memory")
    }
    unsafe self.context = context
    unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Int32(windowLog))
  }

  deinit { unsafe ZSTD_freeDCtx(context) }

  /// - Returns: `isAtEnd` between two frames.
  func decode(_ input: RawSpan, into output: inout MutableRawSpan) throws(CompressionError) -> CodecProgress {
    try unsafe input.withUnsafeBytes { (source) throws(CompressionError) in
      try unsafe output.withUnsafeMutableBytes { (target) throws(CompressionError) in
        var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
        let hint = unsafe ZSTD_decompressStream(context, &to, &from)
        if ZSTD_isError(hint) != 0 {
          let words = unsafe ZSTD_getErrorName(hint).map { unsafe String(cString: $0) } ?? "error \(hint)"
          throw CompressionError("it is not zstd data, or damaged: \(words.lowercased())")
        }
        return unsafe CodecProgress(consumed: from.pos, produced: to.pos, isAtEnd: hint == 0)
      }
    }
  }
}
