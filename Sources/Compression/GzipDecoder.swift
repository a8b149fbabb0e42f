internal import CZlib

/// Inflates one member of a gzip file (RFC 1952), its header and its check sum included.
package protocol GzipDecoder: AnyObject {
  /// - Returns: `isAtEnd` once the member is complete; what follows it was not consumed.
  func decode(_ input: RawSpan, into output: inout MutableRawSpan) throws(CompressionError) -> CodecProgress
  /// The next byte is the first of another member.
  func reset()
}

/// Who makes decoders: zlib's are built in; a program that found a faster library hands over its own.
package struct GzipDecoderFactory: Sendable {
  private let body: @Sendable () throws(CompressionError) -> any GzipDecoder

  package init(_ body: @escaping @Sendable () throws(CompressionError) -> any GzipDecoder) { self.body = body }

  package func make() throws(CompressionError) -> any GzipDecoder { try body() }

  package static let zlib = GzipDecoderFactory { () throws(CompressionError) in try ZlibDecoder() }
}

/// inflate(3). The stream has an address of its own, for zlib's state points back to it.
@safe final class ZlibDecoder: GzipDecoder {
  private let stream: UnsafeMutablePointer<z_stream>

  init() throws(CompressionError) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    // 15 bits of window, the most there is; 16 more for gzip's header and trailer.
    guard unsafe inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw CompressionError("zlib could not start: there is no memory")
    }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  func reset() { unsafe inflateReset(stream) }

  func decode(_ input: RawSpan, into output: inout MutableRawSpan) throws(CompressionError) -> CodecProgress {
    try unsafe input.withUnsafeBytes { (source) throws(CompressionError) in
      try unsafe output.withUnsafeMutableBytes { (target) throws(CompressionError) in
        try unsafe decode(source, target)
      }
    }
  }

  private func decode(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer
  ) throws(CompressionError) -> CodecProgress {
    let (available, room) = (UInt32(clamping: source.count), UInt32(clamping: target.count))
    unsafe stream.pointee.next_in = UnsafeMutablePointer(
      mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
    unsafe stream.pointee.avail_in = available
    unsafe stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = room
    let code = unsafe inflate(stream, Z_NO_FLUSH)
    // Z_BUF_ERROR: nothing to read, or no room; both are seen from the counts.
    // What came out before the damage counts; the next call says what is wrong with the rest.
    let isGood = code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR
    guard unsafe isGood || room > stream.pointee.avail_out else {
      throw CompressionError("it is not gzip data, or damaged: \(words(for: code))")
    }
    return unsafe CodecProgress(
      consumed: Int(available - stream.pointee.avail_in), produced: Int(room - stream.pointee.avail_out),
      isAtEnd: code == Z_STREAM_END)
  }

  private func words(for code: Int32) -> String {
    if let message = unsafe stream.pointee.msg { return unsafe String(cString: message) }
    return "zlib error \(code)"
  }
}
