/// gzip by Intel's ISA-L, four times as fast as zlib, where libisal is installed.
///
/// It may know how to inflate one member; it may not be linked into `skiff`, which is one static file and cannot open libraries.
internal import CISAL
package import Compression

extension GzipDecoderFactory {
  /// ISA-L's decoders, zlib's on a machine without the library.
  package static var fastest: GzipDecoderFactory {
    guard cisal_is_there() != 0 else { return .zlib }
    return GzipDecoderFactory { () throws(CompressionError) in try ISALDecoder() }
  }

  package static var hasISAL: Bool { cisal_is_there() != 0 }
}

/// isal_inflate(). What it makes of a file is what zlib makes of it, and what it takes too, but for codes that lack words which
/// nothing uses; ISALTests compare them.
@safe final class ISALDecoder: GzipDecoder {
  private let stream: OpaquePointer
  private var header = GzipHeader()

  init() throws(CompressionError) {
    guard let stream = unsafe cisal_make() else {
      throw CompressionError("ISA-L could not start: there is no memory")
    }
    unsafe self.stream = stream
  }

  deinit { unsafe cisal_free(stream) }

  func reset() {
    unsafe cisal_reset(stream)
    header = GzipHeader()
  }

  func decode(_ input: RawSpan, into output: inout MutableRawSpan) throws(CompressionError) -> CodecProgress {
    let headerSize = header.isComplete ? 0 : try header.read(input)
    guard header.isComplete else { return CodecProgress(consumed: headerSize, produced: 0, isAtEnd: false) }
    let rest = unsafe input.extracting(unchecked: headerSize..<input.byteCount)
    var (consumed, produced) = (rest.byteCount, output.byteCount)
    let (available, room) = (consumed, produced)
    let code = unsafe rest.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe cisal_inflate(stream, source.baseAddress, &consumed, target.baseAddress, &produced)
      }
    }
    // Counts beyond what was given would be a library that is not the one that was declared.
    guard code >= 0, consumed <= available, produced <= room else {
      throw CompressionError("it is not gzip data, or damaged: \(Self.words(for: code))")
    }
    return CodecProgress(consumed: headerSize + consumed, produced: produced, isAtEnd: code == 1)
  }

  /// Of igzip_lib.h.
  private static func words(for code: Int32) -> String {
    switch code {
    case -1: "invalid block"
    case -2: "invalid code"
    case -3: "invalid distance"
    case -6: "incorrect check sum or length"
    default: "ISA-L error \(code)"
    }
  }
}
