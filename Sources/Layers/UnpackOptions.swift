package import Archive
package import Compression

/// How layers are unpacked, and how much of what they claim is believed.
package struct UnpackOptions: Sendable {
  /// Who inflates gzip: zlib, or what a program found that is faster.
  package var gzip = GzipDecoderFactory.zlib
  package var decompression = DecompressionLimits.standard
  package var tar = TarLimits.standard
  package init() {}
  package static let standard = UnpackOptions()
}
