internal import Blobs
package import ImageSpec

/// An image that an archive or a layout holds, checked as far as its documents go.
struct FoundImage {
  var manifest: ContentDescriptor
  /// Of a docker-archive without OCI documents: the manifest is made here, from what the archive says.
  var manifestBytes: [UInt8]?
  /// The config, and the manifest where it is not made here.
  var documents: [SpooledBlob]
  /// From the lowest up.
  var layers: [FoundLayer]
  var config: Digest
  var names: [Reference]
  /// What the same place has about it.
  var referrers: [FoundReferrer] = []
}

/// A manifest that is about an image, or about such a manifest.
struct FoundReferrer {
  /// With its type, as the store's list has it.
  var descriptor: ContentDescriptor
  var subject: Digest
  var blobs: [SpooledBlob]
}

/// A layer of such an image; its bytes may not have been looked at.
struct FoundLayer: Hashable, Sendable {
  var blob: ContentDescriptor
  /// What its contents must be, by the image's config.
  var diffID: Digest
}

/// What a directory or an archive is asked for.
package struct ImageChoice: Sendable {
  /// Of an image for several.
  package var platform: Platform
  /// Whether the platform was asked for: then nothing else will do.
  package var isExact: Bool
  /// `org.opencontainers.image.ref.name` of the one that is meant, as it stands there; nil for all.
  package var name: String?

  package init(platform: Platform? = nil, name: String? = nil) {
    self.platform = platform ?? .host
    isExact = platform != nil
    self.name = name
  }
}
